"use strict";
// The pictures: each is a canvas that moves one column to the left with every hop.

function colour(share) {
  const x = Math.max(0, Math.min(1, share));
  return [255 * Math.min(1, 1.8 * x * x + 0.05), 255 * Math.pow(x, 1.4), 255 * (0.2 + 0.55 * Math.sin(Math.PI * Math.min(1, 1.3 * x)))];
}

class Scroller {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { willReadFrequently: true });
    this.clear();
  }

  clear() {
    this.context.fillStyle = getComputedStyle(document.body).getPropertyValue("--picture");
    this.context.fillRect(0, 0, this.canvas.width, this.canvas.height);
  }

  shift() {
    const { width, height } = this.canvas;
    this.context.drawImage(this.canvas, 1, 0, width - 1, height, 0, 0, width - 1, height);
  }

  // A column of colours, `shares` from bottom to top, 0 to 1.
  column(shares) {
    this.shift();
    const { width, height } = this.canvas;
    const column = this.context.createImageData(1, height);
    for (let y = 0; y < height; y++) {
      const [r, g, b] = colour(shares[Math.floor(((height - 1 - y) * shares.length) / height)]);
      column.data.set([r, g, b, 255], 4 * y);
    }
    this.context.putImageData(column, width - 1, 0);
  }

  // A column of a graph: a line segment for each of `lines` = {from, to, colour}, values 0 to 1.
  segments(lines) {
    this.shift();
    const { width, height } = this.canvas;
    this.context.fillStyle = getComputedStyle(document.body).getPropertyValue("--picture");
    this.context.fillRect(width - 1, 0, 1, height);
    for (const line of lines) {
      const top = Math.round((1 - Math.max(line.from, line.to)) * (height - 1));
      const bottom = Math.round((1 - Math.min(line.from, line.to)) * (height - 1));
      this.context.fillStyle = line.colour;
      this.context.fillRect(width - 1, top, 1, bottom - top + 2);
    }
  }
}

// The power of the last samples in decibels, `bins` values from 0 Hz to half the rate, -90 dB to 0 as 0 to 1.
class Spectrum {
  constructor(size) {
    this.size = size;
    this.window = Float32Array.from({ length: size }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / size));
    this.recent = new Float32Array(size);
  }

  push(samples) {
    this.recent.copyWithin(0, samples.length);
    samples.slice(-this.size).forEach((s, i) => (this.recent[this.size - Math.min(samples.length, this.size) + i] = s / 32768));
  }

  shares() {
    const n = this.size;
    const re = this.recent.map((sample, i) => sample * this.window[i]);
    const im = new Float32Array(n);
    for (let i = 1, j = 0; i < n; i++) {
      let bit = n >> 1;
      for (; j & bit; bit >>= 1) j ^= bit;
      j ^= bit;
      if (i < j) [re[i], re[j]] = [re[j], re[i]];
    }
    for (let length = 2; length <= n; length *= 2) {
      for (let first = 0; first < n; first += length) {
        for (let k = 0; k < length / 2; k++) {
          const angle = (-2 * Math.PI * k) / length;
          const a = first + k;
          const b = a + length / 2;
          const real = re[b] * Math.cos(angle) - im[b] * Math.sin(angle);
          const imaginary = re[b] * Math.sin(angle) + im[b] * Math.cos(angle);
          [re[b], im[b]] = [re[a] - real, im[a] - imaginary];
          [re[a], im[a]] = [re[a] + real, im[a] + imaginary];
        }
      }
    }
    return Array.from({ length: n / 2 }, (_, k) => {
      const power = (re[k] * re[k] + im[k] * im[k]) / (n * n / 16);
      return 1 + (10 * Math.log10(power + 1e-12)) / 90;
    });
  }
}
