"use strict";
// The pictures: each is a canvas that moves one column to the left with every hop.

// 256 colours from dark over blue and orange to bright, as bytes of a canvas.
const PALETTE = Array.from({ length: 256 }, (_, i) => {
  const x = i / 255;
  const blue = 0.2 + 0.55 * Math.sin(Math.PI * Math.min(1, 1.3 * x));
  return [255 * Math.min(1, 1.8 * x * x + 0.05), 255 * Math.pow(x, 1.4), 255 * blue, 255];
});

// Columns are painted side by side on a hidden canvas that wraps around; show() lays its two parts in order of time.
class Scroller {
  constructor(canvas) {
    this.canvas = canvas;
    this.hidden = document.createElement("canvas");
    this.hidden.width = canvas.width;
    this.hidden.height = canvas.height;
    this.context = this.hidden.getContext("2d", { willReadFrequently: true });
    this.image = this.context.createImageData(1, canvas.height);
    this.clear();
  }

  clear() {
    this.background = getComputedStyle(document.body).getPropertyValue("--picture");
    this.context.fillStyle = this.background;
    this.context.fillRect(0, 0, this.hidden.width, this.hidden.height);
    this.at = 0;
    this.show();
  }

  next() {
    const at = this.at;
    this.at = (at + 1) % this.hidden.width;
    return at;
  }

  // A column of colours, `shares` from bottom to top, 0 to 1.
  column(shares) {
    const height = this.hidden.height;
    for (let y = 0; y < height; y++) {
      const share = shares[Math.floor(((height - 1 - y) * shares.length) / height)];
      this.image.data.set(PALETTE[Math.max(0, Math.min(255, Math.round(255 * share)))], 4 * y);
    }
    this.context.putImageData(this.image, this.next(), 0);
  }

  // A column of a graph: a line segment for each of `lines` = {from, to, colour}, values 0 to 1.
  segments(lines) {
    const height = this.hidden.height;
    const at = this.next();
    this.context.fillStyle = this.background;
    this.context.fillRect(at, 0, 1, height);
    for (const line of lines) {
      const top = Math.round((1 - Math.max(line.from, line.to)) * (height - 1));
      const bottom = Math.round((1 - Math.min(line.from, line.to)) * (height - 1));
      this.context.fillStyle = line.colour;
      this.context.fillRect(at, top, 1, bottom - top + 2);
    }
  }

  show() {
    const context = this.canvas.getContext("2d");
    context.drawImage(this.hidden, -this.at, 0);
    context.drawImage(this.hidden, this.hidden.width - this.at, 0);
  }
}

// The power of the last samples in decibels, `bins` values from 0 Hz to half the rate, -90 dB to 0 as 0 to 1.
class Spectrum {
  constructor(size) {
    this.size = size;
    this.window = Float32Array.from({ length: size }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / size));
    this.recent = new Float32Array(size);
    this.cosine = Float32Array.from({ length: size / 2 }, (_, k) => Math.cos((-2 * Math.PI * k) / size));
    this.sine = Float32Array.from({ length: size / 2 }, (_, k) => Math.sin((-2 * Math.PI * k) / size));
  }

  push(samples) {
    this.recent.copyWithin(0, samples.length);
    const newest = samples.slice(-this.size);
    newest.forEach((sample, i) => (this.recent[this.size - newest.length + i] = sample / 32768));
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
          const turn = (k * n) / length;
          const a = first + k;
          const b = a + length / 2;
          const real = re[b] * this.cosine[turn] - im[b] * this.sine[turn];
          const imaginary = re[b] * this.sine[turn] + im[b] * this.cosine[turn];
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
