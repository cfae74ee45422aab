"use strict";
// The page: samples into the WebAssembly module hop by hop; what it says is shown, drawn and kept.
const element = (id) => document.getElementById(id);
const facts = JSON.parse(element("facts").textContent);
const ONE = 32768;
const COLOURS = ["#e8590c", "#1c7ed6", "#2f9e44", "#ae3ec9", "#f08c00", "#0c8599", "#e03131", "#5f3dc4", "#66a80f", "#c2255c"];

// The spotter and everything it said since it was begun.
class Listener {
  constructor(exports) {
    this.engine = exports;
    this.samples = new Int16Array(exports.memory.buffer, exports.samples(), facts.hop);
    this.begin();
  }

  begin() {
    if (this.engine.begin() !== 0) throw new Error("the spotter refused to begin");
    this.engine.sensitivity(Number(element("sensitivity").value));
    this.waiting = new Int16Array(0);
    this.detections = [];
    this.scores = []; // after every hop, one number a class
    this.square = 0;
  }

  score(label) {
    return this.engine.score(label);
  }

  // All samples, hop by hop; `each` is called after every hop. The rest waits, unless it is the `last` of the sound.
  push(samples, each, last = false) {
    const all = new Int16Array(this.waiting.length + samples.length);
    all.set(this.waiting);
    all.set(samples, this.waiting.length);
    let at = 0;
    for (; at + facts.hop <= all.length; at += facts.hop) this.hop(all.subarray(at, at + facts.hop), each);
    this.waiting = all.slice(at);
    if (last && this.waiting.length) {
      this.hop(this.waiting, each);
      this.waiting = new Int16Array(0);
    }
  }

  hop(samples, each) {
    const before = this.engine.frames();
    this.samples.set(samples);
    const status = this.engine.push(samples.length);
    if (status < 0) throw new Error("the spotter reported an error");
    const scores = facts.labels.map((_, label) => this.score(label));
    this.scores.push(scores);
    let found = null;
    if (status === 1) {
      const frame = this.engine.heard_frame();
      const seconds = ((frame - 1) * facts.hop + facts.window) / facts.rate;
      found = { frame, seconds, word: facts.labels[this.engine.heard_label()], score: this.engine.heard_score() };
      this.detections.push(found);
    }
    each({ samples, scores, found, framed: this.engine.frames() !== before });
  }

  features() {
    return new Int8Array(this.engine.memory.buffer, this.engine.features(), facts.features);
  }
}

let listener = null;
let stop = null;
const spectrum = new Spectrum(512);
const pictures = {};
let lastScores = null;

function say(text, wrong = false) {
  element("status").textContent = text;
  element("status").classList.toggle("wrong", wrong);
}

function showHop({ samples, scores, found, framed }) {
  spectrum.push(samples);
  pictures.spectrogram.column(spectrum.shares());
  if (framed) pictures.features.column(Array.from(listener.features(), (value) => (value + 128) / 255));
  const before = lastScores || scores;
  pictures.scores.segments(facts.keywords.map((label, k) => (
    { from: before[label] / ONE, to: scores[label] / ONE, colour: COLOURS[k % COLOURS.length] })));
  lastScores = scores;
  let power = 0;
  for (const sample of samples) power += sample * sample;
  listener.square = 0.8 * listener.square + 0.2 * (power / samples.length);
  if (found) showDetection(found);
}

function showDetection(found) {
  const row = element("detections").insertRow(0);
  const values = [found.seconds.toFixed(2) + " s", found.word, (found.score / ONE).toFixed(3)];
  for (const value of values) row.insertCell().textContent = value;
  element("heard").textContent = found.word;
  element("heard").classList.remove("flash");
  void element("heard").offsetWidth; // begins the animation anew
  element("heard").classList.add("flash");
}

function showScores() {
  facts.keywords.forEach((label, k) => {
    const share = listener.score(label) / ONE;
    const bar = element("bars").children[k];
    bar.querySelector(".fill").style.width = 100 * share + "%";
    bar.querySelector(".mark").style.left = (100 * listener.engine.threshold(label)) / ONE + "%";
    bar.querySelector("output").textContent = share.toFixed(3);
  });
  for (const picture of Object.values(pictures)) picture.show();
  const level = 10 * Math.log10(listener.square / (ONE * ONE) + 1e-10);
  element("level").value = Math.max(-80, level);
  element("decibels").textContent = level <= -99 ? "no sound" : level.toFixed(0) + " dBFS";
}

function beginAnew() {
  listener.begin();
  lastScores = null;
  for (const picture of Object.values(pictures)) picture.clear();
  element("detections").replaceChildren();
  element("heard").textContent = "";
}

async function stopListening() {
  if (stop) await stop();
  stop = null;
  element("microphone").textContent = "Start the microphone";
}

async function toggleMicrophone() {
  if (stop) {
    await stopListening();
    say("stopped");
    return;
  }
  beginAnew();
  try {
    stop = await listen(facts.rate, element("worklet").textContent, (samples) => {
      listener.push(samples, showHop);
      showScores();
    });
  } catch (error) {
    say("The microphone cannot be used: " + error.message + ". Allow it for this page, or drop a file.", true);
    return;
  }
  element("microphone").textContent = "Stop";
  say("listening; the sound stays in this page");
}

async function hearFile(file) {
  await stopListening();
  beginAnew();
  say("reading " + file.name);
  let sound;
  try {
    sound = await readSound(file, facts.rate);
  } catch {
    say(file.name + " is no sound file that this browser decodes.", true);
    return;
  }
  const begun = performance.now();
  const piece = Math.round(facts.rate / 2);
  for (let at = 0; at < sound.samples.length; at += piece) {
    listener.push(sound.samples.subarray(at, at + piece), showHop, at + piece >= sound.samples.length);
    showScores();
    await new Promise((done) => setTimeout(done));
  }
  const seconds = sound.samples.length / facts.rate;
  const how = sound.exact ? "every sample as it is" : "decoded and resampled by this browser";
  const count = listener.detections.length;
  say(`${file.name}: ${count} detection${count === 1 ? "" : "s"} in ${seconds.toFixed(1)} s, ${how}; ` +
    `heard in ${((performance.now() - begun) / 1000).toFixed(1)} s`);
  document.body.dataset.done = file.name;
}

function build() {
  facts.keywords.forEach((label, k) => {
    const bar = element("bar").content.cloneNode(true);
    bar.querySelector(".word").textContent = facts.labels[label];
    bar.querySelector(".fill").style.background = COLOURS[k % COLOURS.length];
    element("bars").append(bar);
  });
  for (const name of ["spectrogram", "features", "scores"]) pictures[name] = new Scroller(element(name));
  element("microphone").onclick = toggleMicrophone;
  element("file").onchange = (event) => event.target.files[0] && hearFile(event.target.files[0]);
  element("sensitivity").oninput = (event) => {
    listener.engine.sensitivity(Number(event.target.value));
    element("setting").textContent = event.target.value;
    showScores();
  };
  document.body.ondragover = (event) => event.preventDefault();
  document.body.ondrop = (event) => {
    event.preventDefault();
    if (event.dataTransfer.files[0]) hearFile(event.dataTransfer.files[0]);
  };
}

async function start() {
  build();
  const bytes = Uint8Array.from(atob(element("engine").textContent.trim()), (letter) => letter.charCodeAt(0));
  try {
    const { instance } = await WebAssembly.instantiate(bytes, {});
    const same = instance.exports.selftest() === 1;
    listener = new Listener(instance.exports);
    element("selftest").textContent = same ? "passed: this browser computes the desktop's scores" : "FAILED";
    showScores();
    for (const id of ["microphone", "file", "sensitivity"]) element(id).disabled = false;
    say(same ? "ready" : "This browser computes other scores than the desktop.", !same);
    document.body.dataset.ready = same ? "1" : "0";
  } catch (error) {
    say("This browser cannot run WebAssembly with bulk memory: " + error.message, true);
  }
}
start();
