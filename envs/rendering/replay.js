// The page: chooses plays, keeps the time, and listens to keys, mouse and fingers.

const byId = (id) => document.getElementById(id);
const SPEEDS = [1, 2, 5, 10, 20, 50]; // epochs a second
const state = { t: 0, playing: false, speed: 5, truth: false, picked: null, pinned: false, panel: 0, panels: [], drawn: 0, drawTimes: [], frameTimes: [] };
const seeds = [...new Set(data.plays.map((play) => play.seed))];

function option(select, value, label) {
  const one = document.createElement("option");
  one.value = value;
  one.textContent = label;
  select.append(one);
}

function element(name, text, className) {
  const one = document.createElement(name);
  if (text !== undefined) one.textContent = text;
  if (className) one.className = className;
  return one;
}

// Which plays are shown.
function fillChoices() {
  byId("title").textContent = `BalticShield: ${data.name}`;
  for (const seed of seeds) option(byId("raid"), seed, `seed ${seed}, ${data.plays.find((play) => play.seed === seed).split}`);
  byId("raid-choice").hidden = seeds.length < 2;
  for (const speed of SPEEDS) option(byId("speed"), speed, `${speed * data.epoch_s}×`);
  byId("speed").value = state.speed;
  fillPolicies();
}

function fillPolicies() {
  const own = playsOfRaid();
  for (const [id, chosen] of [["left", 0], ["right", own.length > 1 ? 1 : -1]]) {
    const select = byId(id);
    select.replaceChildren();
    if (id === "right") option(select, -1, "nothing");
    own.forEach((play, n) => option(select, n, play.policy));
    select.value = chosen;
  }
  byId("right-choice").hidden = own.length < 2;
}

function playsOfRaid() {
  const seed = Number(byId("raid").value);
  return data.plays.filter((play) => play.seed === seed);
}

function showPlays() {
  const own = playsOfRaid();
  const chosen = [own[byId("left").value], own[byId("right").value]].filter((play) => play !== undefined);
  byId("panels").replaceChildren();
  state.picked = null;
  state.pinned = false;
  state.panels = chosen.map((play, n) => {
    const section = element("div", undefined, "panel"), head = element("div"), canvas = element("canvas");
    const share = element("span", "", "share"), counts = element("span", "", "counts");
    canvas.setAttribute("aria-label", `map of the raid as played by ${play.policy}`);
    head.append(element("b", play.policy), share, counts);
    section.append(head, canvas);
    byId("panels").append(section);
    const panel = new MapPanel(canvas, play);
    Object.assign(panel, { share, counts });
    listen(panel, n);
    return panel;
  });
  byId("about").textContent = `${data.description}. Seed ${chosen[0].seed}, ${chosen[0].split}.`;
  state.first = Math.min(...chosen.map((play) => play.first));
  state.last = Math.max(...chosen.map((play) => play.last));
  Object.assign(byId("scrub"), { min: state.first, max: state.last });
  fillLosses();
  resize();
  seek(Math.max(state.first, Math.min(state.t, state.last)));
}

function fillLosses() {
  const list = byId("losses");
  list.replaceChildren();
  state.panels.forEach((panel, n) => {
    const play = panel.play;
    if (state.panels.length > 1) list.append(element("h3", play.policy));
    for (const loss of play.losses) {
      const button = element("button", `${clock(play, loss.t)} ${data.assets[loss.asset][0]} ${loss.amount}`);
      button.append(element("small", `${data.kinds[loss.threat.kind][0]} ${loss.threat.number}: ${loss.why}`));
      button.addEventListener("click", () => {
        byId("true").checked = true;
        state.truth = true;
        state.panel = n;
        state.picked = { type: "threat", index: loss.threat.index };
        state.pinned = true;
        pause();
        seek(Math.max(loss.threat.points[0][0], loss.t - 6));
      });
      list.append(button);
    }
    if (!play.losses.length) list.append(element("p", "nothing", "quiet"));
  });
}

// Time.
function seek(t) {
  state.t = Math.max(state.first, Math.min(t, state.last));
  draw();
}

function start() {
  if (state.t >= state.last) state.t = state.first;
  state.playing = true;
  state.before = performance.now();
  byId("play").textContent = "❚❚";
  requestAnimationFrame(advance);
}

function pause() {
  state.playing = false;
  byId("play").textContent = "▶";
}

function advance(now) {
  if (!state.playing) return;
  const passed = Math.min(Math.max(now - state.before, 0), 250);
  state.frameTimes.push(passed);
  state.before = now;
  seek(state.t + (passed / 1000) * state.speed);
  if (state.t >= state.last) pause(); else requestAnimationFrame(advance);
}

// Drawing.
function draw() {
  const begun = performance.now();
  state.panels.forEach((panel, n) => {
    panel.draw(Math.min(state.t, panel.play.last), state.truth, n === state.panel ? state.picked : null);
  });
  drawCursor();
  const whole = Math.floor(state.t);
  if (whole !== state.drawn || !state.playing) words();
  state.drawn = whole;
  byId("scrub").value = state.t;
  byId("clock").textContent = clock(longest(), state.t);
  state.drawTimes.push(performance.now() - begun);
  if (state.drawTimes.length > 2000) state.drawTimes.shift();
}

function longest() {
  return state.panels.reduce((best, panel) => (panel.play.last > best.last ? panel.play : best), state.panels[0].play);
}

function words() {
  for (const panel of state.panels) {
    const { inbound, killed, leaked, rounds } = countsAt(panel.play, state.t);
    panel.share.textContent = `${(shareAt(panel.play, state.t) / 10).toFixed(1)} %`;
    panel.counts.textContent = `protected · ${inbound} inbound · ${killed} killed · ${leaked} leaked · ${rounds} rounds left`;
  }
  const story = byId("story");
  if (!state.picked) {
    story.replaceChildren(element("p", "Point at a track, shooter, asset or sensor, or tap it, to read its story.", "quiet"));
    return;
  }
  const play = state.panels[state.panel].play;
  const [head, ...lines] = storyOf(play, state.picked, Math.min(state.t, play.last), state.truth);
  const parts = [element("b", head)];
  for (const line of lines) {
    if (typeof line === "string") parts.push(element("p", line));
    else if (line.length) {
      const list = element("ul");
      list.append(...line.map((text) => element("li", text)));
      parts.push(list);
    }
  }
  story.replaceChildren(...parts);
}

// The timeline: protected share as lines, launches and kills below, losses above.
const timeline = byId("timeline"), timelineStill = document.createElement("canvas");
const LINES = [[COLOUR.asset, []], ["#f0e442", [6, 3]]];

function timeX(t) { return 6 + ((t - state.first) / Math.max(state.last - state.first, 1)) * (state.lineWidth - 12); }

function drawTimeline() {
  const ratio = Math.min(window.devicePixelRatio || 1, 2), box = timeline.getBoundingClientRect();
  state.lineWidth = Math.max(box.width, 50);
  state.lineHeight = Math.max(box.height, 30);
  for (const canvas of [timeline, timelineStill]) {
    canvas.width = Math.round(state.lineWidth * ratio);
    canvas.height = Math.round(state.lineHeight * ratio);
    canvas.getContext("2d").setTransform(ratio, 0, 0, ratio, 0, 0);
  }
  const c = timelineStill.getContext("2d"), floor = state.lineHeight - 4;
  c.fillStyle = COLOUR.sea;
  c.fillRect(0, 0, state.lineWidth, state.lineHeight);
  const band = state.panels.length * 16, height = floor - band - 14;
  state.panels.forEach(({ play }, n) => {
    const [colour, dash] = LINES[n], base = floor - n * 16;
    for (const one of play.engagements) {
      const kill = one.outcome === KILL, x = timeX(kill ? one.ended : one.launched);
      c.fillStyle = "#2a8f74";
      c.fillRect(timeX(one.launched), base - 5, 1, 5);
      if (!kill) continue;
      c.fillStyle = COLOUR.flight; // a kill: a dot above the launches
      c.beginPath(); c.arc(x, base - 9, 2, 0, 7); c.fill();
    }
    c.fillStyle = COLOUR.loss;
    for (const loss of play.losses) { // a loss: a triangle on the line of the share
      const x = timeX(loss.t), y = 9 + height * (1 - shareAt(play, Math.ceil(loss.t)) / 1000), size = 3 + Math.min(loss.lost, 4);
      c.beginPath(); c.moveTo(x - size, y - size); c.lineTo(x + size, y - size); c.lineTo(x, y + size); c.fill();
    }
    c.strokeStyle = colour;
    c.lineWidth = 2;
    c.setLineDash(dash);
    c.beginPath();
    play.share.forEach((share, step) => {
      const x = timeX(play.first + step), y = 9 + height * (1 - share / 1000);
      if (step) c.lineTo(x, y); else c.moveTo(x, y);
    });
    c.stroke();
    c.setLineDash([]);
    c.fillStyle = colour;
    c.font = "11px system-ui, 'DejaVu Sans', sans-serif";
    c.fillText(play.policy, 8 + n * 120, 9 + height);
  });
}

function drawCursor() {
  const c = timeline.getContext("2d"), x = timeX(state.t);
  c.drawImage(timelineStill, 0, 0, state.lineWidth, state.lineHeight);
  c.fillStyle = COLOUR.ink;
  c.fillRect(x - 0.5, 0, 1.5, state.lineHeight);
}

// Listening.
function listen(panel, n) {
  const fingers = new Map(), canvas = panel.canvas;
  let moved = 0;
  const local = (event) => [event.offsetX, event.offsetY];
  const choose = (event, reach, pin) => {
    state.panel = n;
    state.picked = panel.pick(...local(event), reach);
    state.pinned = pin && state.picked !== null; // what was clicked stays until a click elsewhere
    draw();
  };
  canvas.addEventListener("pointerdown", (event) => {
    fingers.set(event.pointerId, local(event));
    canvas.setPointerCapture(event.pointerId);
    moved = 0;
  });
  canvas.addEventListener("pointermove", (event) => {
    const old = fingers.get(event.pointerId), now = local(event);
    if (!old) { if (event.pointerType === "mouse" && !state.pinned) choose(event, 16, false); return; }
    moved += Math.hypot(now[0] - old[0], now[1] - old[1]);
    fingers.set(event.pointerId, now);
    if (moved < 6) return;
    const others = [...fingers.entries()].filter(([id]) => id !== event.pointerId).map(([, place]) => place);
    if (others.length) {
      const apart = (place) => Math.hypot(place[0] - others[0][0], place[1] - others[0][1]);
      zoom(panel, apart(now) / Math.max(apart(old), 1), others[0]);
    } else each((one) => { one.shift = [one.shift[0] + now[0] - old[0], one.shift[1] + now[1] - old[1]]; });
  });
  for (const name of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(name, (event) => {
      fingers.delete(event.pointerId);
      if (name === "pointerup" && moved < 6) choose(event, event.pointerType === "touch" ? 26 : 16, true);
    });
  }
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoom(panel, Math.exp(-event.deltaY / 400), local(event));
  }, { passive: false });
  canvas.addEventListener("dblclick", unzoom);
}

function each(change) {
  for (const panel of state.panels) { change(panel); panel.place(); }
  draw();
}

// Zoom about a place, so that what lies there stays; both maps alike.
function zoom(panel, factor, [x, y]) {
  const after = Math.max(1, Math.min(12, panel.zoom * factor)), ratio = after / panel.zoom;
  const dx = x - panel.width / 2, dy = y - panel.height / 2;
  each((one) => {
    one.zoom = after;
    one.shift = [dx - (dx - one.shift[0]) * ratio, dy - (dy - one.shift[1]) * ratio];
    allowScrolling(one);
  });
}

function unzoom() { each((one) => { one.zoom = 1; one.shift = [0, 0]; allowScrolling(one); }); }

// A finger on the whole map scrolls the page; on a part of it, it moves the map.
function allowScrolling(panel) { panel.canvas.style.touchAction = panel.zoom > 1 ? "none" : "pan-y"; }

function setTruth(truth) {
  state.truth = truth;
  byId(truth ? "true" : "seen").checked = true;
  if (state.picked && state.panels.length) {
    const play = state.panels[state.panel].play, picked = state.picked;
    if (truth && picked.type === "track") state.picked = { type: "threat", index: play.tracks[picked.index].threat };
    else if (!truth && picked.type === "threat") {
      const track = play.threats[picked.index].tracks.findLast((one) => one.start <= state.t);
      state.picked = track ? { type: "track", index: track.index } : null;
    }
  }
  draw();
}

function setSpeed(n) {
  state.speed = SPEEDS[Math.max(0, Math.min(n, SPEEDS.length - 1))];
  byId("speed").value = state.speed;
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.tagName === "SELECT") return;
  const far = event.shiftKey ? 10 : 1;
  const keys = {
    " ": () => (state.playing ? pause() : start()),
    ArrowLeft: () => seek(Math.ceil(state.t) - far),
    ArrowRight: () => seek(Math.floor(state.t) + far),
    Home: () => seek(state.first),
    End: () => seek(state.last),
    "+": () => setSpeed(SPEEDS.indexOf(state.speed) + 1),
    "-": () => setSpeed(SPEEDS.indexOf(state.speed) - 1),
    t: () => setTruth(!state.truth),
    "0": unzoom,
  };
  if (!keys[event.key] || (event.key === " " && event.target.tagName === "BUTTON" && event.target.id !== "play")) return;
  event.preventDefault();
  keys[event.key]();
}

function onTimeline(event) {
  if (event.type === "pointermove" && !event.buttons) return;
  seek(state.first + ((event.offsetX - 6) / (state.lineWidth - 12)) * (state.last - state.first));
}

function resize() {
  for (const panel of state.panels) panel.resize();
  drawTimeline();
  draw();
}

function fillLegend() {
  const signs = byId("signs");
  for (const name of Object.keys(data.signs)) {
    const row = element("div"), canvas = element("canvas");
    canvas.width = canvas.height = 52;
    const c = canvas.getContext("2d");
    c.translate(26, 26);
    drawSign(c, name, true, 15);
    row.append(canvas, element("span", name));
    signs.append(row);
  }
  for (const line of [
    "square: asset, filled as far as it is healthy", "triangle: shooter, its rounds below; brown: none left",
    "grey triangle on its tip: sensor", "hollow sign: missed of late, or without a track", "star: kill; orange ring: a strike; cross: a miss",
    "space: play; ← →: one epoch, with shift ten; + −: speed; t: as seen or as it was; 0: whole map; wheel or two fingers: zoom",
  ]) signs.append(element("div", line, "quiet"));
}

byId("play").addEventListener("click", () => (state.playing ? pause() : start()));
byId("back").addEventListener("click", () => seek(Math.ceil(state.t) - 1));
byId("forward").addEventListener("click", () => seek(Math.floor(state.t) + 1));
byId("scrub").addEventListener("input", () => seek(Number(byId("scrub").value)));
byId("speed").addEventListener("change", () => setSpeed(SPEEDS.indexOf(Number(byId("speed").value))));
byId("raid").addEventListener("change", () => { fillPolicies(); showPlays(); });
byId("left").addEventListener("change", showPlays);
byId("right").addEventListener("change", showPlays);
byId("seen").addEventListener("change", () => setTruth(false));
byId("true").addEventListener("change", () => setTruth(true));
timeline.addEventListener("pointerdown", onTimeline);
timeline.addEventListener("pointermove", onTimeline);
document.addEventListener("keydown", onKey);
window.addEventListener("resize", resize);
fillChoices();
fillLegend();
showPlays();
window.replay = { data, state, seek, start, pause, setTruth };
