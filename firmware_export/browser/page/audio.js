"use strict";
// Sound as 16-bit samples at the model's rate: from a WAV file as it is, from others through the browser's decoder,
// from the microphone by an AudioWorklet.

function toInt16(floats) {
  const samples = new Int16Array(floats.length);
  for (let i = 0; i < floats.length; i++) {
    samples[i] = Math.max(-32768, Math.min(32767, Math.round(floats[i] * 32768)));
  }
  return samples;
}

// The samples of a WAV file of 16 bits, one channel and the model's rate, untouched; null for any other file.
function exactWav(buffer, rate) {
  const view = new DataView(buffer);
  const tag = (at) => String.fromCharCode(...new Uint8Array(buffer, at, 4));
  if (buffer.byteLength < 44 || tag(0) !== "RIFF" || tag(8) !== "WAVE") return null;
  let known = false;
  for (let at = 12; at + 8 <= buffer.byteLength; ) {
    const size = view.getUint32(at + 4, true);
    const start = at + 8;
    if (tag(at) === "fmt " && size >= 16) {
      known = view.getUint16(start, true) === 1 && view.getUint16(start + 2, true) === 1 &&
        view.getUint32(start + 4, true) === rate && view.getUint16(start + 14, true) === 16;
    } else if (tag(at) === "data") {
      if (!known) return null;
      const count = Math.floor(Math.min(size, buffer.byteLength - start) / 2);
      const samples = new Int16Array(count);
      for (let i = 0; i < count; i++) samples[i] = view.getInt16(start + 2 * i, true);
      return samples;
    }
    at = start + size + (size & 1);
  }
  return null;
}

// Any sound file that the browser decodes, as {samples, exact}.
async function readSound(file, rate) {
  const buffer = await file.arrayBuffer();
  const exact = exactWav(buffer, rate);
  if (exact) return { samples: exact, exact: true };
  const decoded = await new OfflineAudioContext(1, 1, rate).decodeAudioData(buffer);
  const mixed = new Float32Array(decoded.length);
  for (let channel = 0; channel < decoded.numberOfChannels; channel++) {
    decoded.getChannelData(channel).forEach((sample, i) => (mixed[i] += sample / decoded.numberOfChannels));
  }
  return { samples: toInt16(mixed), exact: false };
}

// From one rate to a lower or higher one, block by block: a sinc of 32 taps under a Hann window.
class Resampler {
  constructor(from, to) {
    this.step = from / to;
    this.cut = Math.min(1, to / from) * 0.95;
    this.half = Math.ceil(16 / this.cut);
    this.kept = new Float32Array(2 * this.half);
    this.at = this.half;
  }

  push(block) {
    const all = new Float32Array(this.kept.length + block.length);
    all.set(this.kept);
    all.set(block, this.kept.length);
    const made = [];
    for (; this.at + this.half < all.length; this.at += this.step) {
      const first = Math.floor(this.at) - this.half + 1;
      let sum = 0;
      for (let i = first; i < first + 2 * this.half; i++) {
        const distance = i - this.at;
        const x = Math.PI * distance * this.cut;
        const window = 0.5 + 0.5 * Math.cos((Math.PI * distance) / this.half);
        sum += all[i] * this.cut * window * (x === 0 ? 1 : Math.sin(x) / x);
      }
      made.push(sum);
    }
    const drop = Math.max(0, Math.min(all.length, Math.floor(this.at) - this.half));
    this.kept = all.slice(drop);
    this.at -= drop;
    return Float32Array.from(made);
  }
}

// Begin to listen; `take` gets Int16Arrays. Returns a function that stops.
async function listen(rate, workletText, take) {
  const wanted = { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: false };
  const stream = await navigator.mediaDevices.getUserMedia({ audio: wanted });
  let context = new AudioContext({ sampleRate: rate });
  let source;
  try {
    source = context.createMediaStreamSource(stream);
  } catch {
    await context.close(); // Firefox: the context must have the microphone's rate
    context = new AudioContext();
    source = context.createMediaStreamSource(stream);
  }
  // A page opened from disk has no origin that a blob: URL could belong to.
  await context.audioWorklet.addModule("data:text/javascript;base64," + btoa(workletText));
  const resampler = context.sampleRate === rate ? null : new Resampler(context.sampleRate, rate);
  const node = new AudioWorkletNode(context, "samples");
  node.port.onmessage = (event) => take(toInt16(resampler ? resampler.push(event.data) : event.data));
  source.connect(node).connect(context.destination); // its output is silence
  await context.resume();
  return () => {
    node.port.onmessage = null;
    for (const track of stream.getTracks()) track.stop();
    return context.close();
  };
}
