"use strict";
// Data and words: unpacks the record, and tells what there is to tell of a track, shooter or asset.

const data = JSON.parse(document.getElementById("data").textContent);
const IN_FLIGHT = 0, KILL = 1; // places in data.outcomes
const KILLED = 3, LEAKED = 4, DUD = 5; // how a threat ended, as in envs/core/state.py

// A path is [time, x, y, then the difference of each point from the one before].
function unpackPath(flat) {
  const points = [];
  let t = 0, x = 0, y = 0;
  for (let n = 0; n < flat.length; n += 3) {
    t += flat[n]; x += flat[n + 1]; y += flat[n + 2];
    points.push([t / 10, x, y]);
  }
  return points;
}

function unpackLine(flat) {
  const points = [];
  let x = 0, y = 0;
  for (let n = 0; n < flat.length; n += 2) {
    x += flat[n]; y += flat[n + 1];
    points.push([x, y]);
  }
  return points;
}

// Place and heading [x, y, dx, dy] on a path at a time, or null outside of it.
function along(points, t) {
  const last = points.length - 1;
  if (last < 0 || t < points[0][0] || t > points[last][0]) return null;
  let low = 0, high = last;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (points[middle][0] <= t) low = middle; else high = middle;
  }
  const [t0, x0, y0] = points[low], [t1, x1, y1] = points[high];
  const share = t1 > t0 ? (t - t0) / (t1 - t0) : 0;
  return [x0 + share * (x1 - x0), y0 + share * (y1 - y0), x1 - x0, y1 - y0];
}

// The row of a list [[step, …], …] that holds at a time.
function rowAt(rows, t) {
  let low = 0, high = rows.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (rows[middle][0] <= t) low = middle; else high = middle;
  }
  return rows[low];
}

for (const play of data.plays) {
  play.last = play.first + play.epochs.length - 1;
  play.threats = play.threats.map(([raid, kind, aim, number, status, path], index) => {
    const points = unpackPath(path);
    const end = points.length ? points[points.length - 1][0] : play.first;
    return { index, raid, kind, aim, number, status, points, end, tracks: [], engagements: [] };
  });
  play.tracks = play.tracks.map(([threat, slot, path, beliefs, fire], index) => {
    const points = unpackPath(path), start = points[0][0], end = points[points.length - 1][0];
    const track = { index, threat, slot, points, beliefs, fire, start, end, engagements: [] };
    play.threats[threat].tracks.push(track);
    return track;
  });
  play.shooters = play.shooters.map(([rows, path]) => ({ rows, points: unpackPath(path), engagements: [] }));
  play.engagements = play.engagements.map(([shooter, threat, track, launched, ended, resolves, pk, outcome]) => {
    const one = { shooter, threat, track, launched: launched / 10, ended: ended / 10, resolves: resolves / 10, pk, outcome };
    play.shooters[shooter].engagements.push(one);
    play.threats[threat].engagements.push(one);
    if (track >= 0) play.tracks[track].engagements.push(one);
    return one;
  });
  play.losses = losses(play);
}

// When, where and by what value was lost, and why it could be.
function losses(play) {
  const arrivals = play.threats.filter((threat) => threat.status === LEAKED).sort((a, b) => a.end - b.end);
  return arrivals.map((threat) => {
    // Health is recorded epoch by epoch: what struck one asset in one epoch is lost together.
    const epoch = epochOf(play, threat);
    const together = arrivals.some((one) => one !== threat && one.aim === threat.aim && epochOf(play, one) === epoch);
    const lost = (fallOf(play, threat.aim, epoch) / 1000) * data.assets[threat.aim][2];
    return { threat, t: threat.end, asset: threat.aim, lost, amount: `${together ? "together " : ""}−${lost.toFixed(1)}`, why: why(play, threat) };
  });
}

// By how much an asset's health fell in an epoch, in thousandths.
function fallOf(play, asset, epoch) {
  return rowAt(play.health, epoch)[1 + asset] - rowAt(play.health, epoch + 1)[1 + asset];
}

// The epoch in which a threat struck; its time is rounded, perhaps up to the start of the next.
function epochOf(play, threat) {
  const epoch = Math.floor(threat.end), before = epoch - 1;
  const rounded = threat.end === epoch && !fallOf(play, threat.aim, epoch) && fallOf(play, threat.aim, before) > 0;
  return rounded ? before : epoch;
}

function why(play, threat) {
  const shots = threat.engagements;
  const words = [];
  if (shots.length) {
    const counts = {};
    for (const one of shots) counts[data.outcomes[one.outcome]] = (counts[data.outcomes[one.outcome]] || 0) + 1;
    const best = Math.max(...shots.map((one) => one.pk));
    words.push(`engaged ${times(shots.length)} (${Object.entries(counts).map(([o, n]) => `${n}× ${o}`).join(", ")}), best pk ${best} %`);
  }
  if (!threat.tracks.length) return "never tracked";
  let may = 0, reach = 0, best = 0, whose = -1;
  for (const track of threat.tracks) {
    track.fire.forEach(([step, legal, near, pk, shooter], n) => {
      const until = n + 1 < track.fire.length ? track.fire[n + 1][0] : track.end;
      if (legal) may += until - step;
      if (near) reach += until - step;
      if (legal && pk >= best) [best, whose] = [pk, shooter];
    });
  }
  if (shots.length === 0) {
    if (may > 0) words.push(`not engaged: fire was possible in ${Math.ceil(may)} epochs, best pk ${best} % (${data.shooters[whose][0]})`);
    else if (reach > 0) words.push(`not engaged: in reach for ${Math.ceil(reach)} epochs, but no round was ready or no channel free`);
    else words.push("not engaged: no shooter with rounds left could reach it");
  }
  const empty = emptied(play, threat);
  if (empty.length) words.push(`had it in range, but no rounds left: ${empty.join(", ")}`);
  return words.join("; ");
}

// Shooters that could engage the kind, had the threat in range and had fired all their rounds by then.
function emptied(play, threat) {
  const found = [], ballistic = data.kinds[threat.kind][1] === "ballistic";
  data.shooters.forEach(([name, , , x, y, level, , spends, falling, kinds], s) => {
    const reach = ballistic ? falling : level;
    if (!spends || !reach || !kinds.includes(threat.kind)) return;
    for (let t = Math.ceil(threat.points[0][0]); t < threat.end; t++) {
      const there = along(threat.points, t), [, rounds, reserve, , able] = rowAt(play.shooters[s].rows, t);
      if (!there || rounds + reserve >= spends || !able) continue;
      if (Math.hypot(there[0] - x, there[1] - y) > reach) continue;
      const last = play.shooters[s].engagements.filter((one) => one.launched < t).pop();
      found.push(last ? `${name} (last launch ${clock(play, last.launched)})` : name);
      return;
    }
  });
  return found;
}

function times(n) { return n === 1 ? "once" : n === 2 ? "twice" : `${n} times`; }

function clock(play, t) {
  const n = Math.max(0, Math.min(Math.floor(t) - play.first, play.epochs.length - 1));
  const seconds = Math.floor((play.epochs[n] + Math.max(0, Math.min(t - Math.floor(t), 1))) * data.epoch_s);
  const time = `${String(Math.floor(seconds / 60)).padStart(2, "0")}:${String(seconds % 60).padStart(2, "0")}`;
  return data.raids > 1 ? `raid ${play.raid[n] + 1}, ${time}` : time;
}

function shareAt(play, t) {
  return play.share[Math.max(0, Math.min(Math.floor(t) - play.first, play.share.length - 1))];
}

// Counts that the line above a map shows.
function countsAt(play, t) {
  let inbound = 0, killed = 0, leaked = 0, rounds = 0;
  for (const threat of play.threats) {
    if (data.kinds[threat.kind][1] === "neutral") continue;
    if (threat.points.length && threat.points[0][0] <= t && t < threat.end) inbound++;
    else if (threat.end <= t && threat.status === KILLED) killed++;
    else if (threat.end <= t && threat.status === LEAKED) leaked++;
  }
  for (const shooter of play.shooters) {
    const row = rowAt(shooter.rows, t);
    rounds += row[1] + row[2];
  }
  return { inbound, killed, leaked, rounds };
}

// Stories. Each returns lines: a string, or a list of strings.
function storyOf(play, picked, t, truth) {
  if (picked.type === "shooter") return shooterStory(play, picked.index, t);
  if (picked.type === "asset") return assetStory(play, picked.index, t);
  if (picked.type === "sensor") return sensorStory(picked.index);
  const threat = picked.type === "threat" ? picked.index : play.tracks[picked.index].threat;
  return truth ? threatStory(play, play.threats[threat], t) : trackStory(play, play.tracks[picked.index], t);
}

function trackStory(play, track, t) {
  const [, seen, aim, aimBelief, ...kinds] = rowAt(track.beliefs, t);
  const [, legal, reach, pk, shooter] = rowAt(track.fire, t);
  const taken = [];
  for (let n = 0; n < kinds.length; n += 2) {
    taken.push(kinds[n + 1] === 100 ? data.kinds[kinds[n]][0] : `${data.kinds[kinds[n]][0]} ${kinds[n + 1]} %`);
  }
  const lines = [`Track ${track.slot}`, `taken for ${taken.join(", ")}`];
  if (aim >= 0) lines.push(`heading for ${data.assets[aim][0]}${aimBelief < 100 ? ` (${aimBelief} %)` : ""}`);
  if (t > track.end) lines.push(`ended at ${clock(play, track.end)}`);
  else {
    lines.push(seen ? "detected in this epoch" : "missed in this epoch, taken to fly straight on");
    lines.push(legal ? `${legal} shooter${legal > 1 ? "s" : ""} may fire now; best pk ${pk} %, ${data.shooters[shooter][0]}`
      : reach ? "in reach, but no round is ready or no channel free" : "out of reach of every shooter with rounds left");
  }
  return [...lines, engagementLines(play, track.engagements, t, true)];
}

function threatStory(play, threat, t) {
  const kind = data.kinds[threat.kind][0];
  const lines = [`${kind[0].toUpperCase()}${kind.slice(1)} ${threat.number}`];
  if (threat.aim >= 0) lines.push(`aimed at ${data.assets[threat.aim][0]}`);
  if (threat.points.length) lines.push(`appeared ${clock(play, threat.points[0][0])}`);
  const tracks = threat.tracks.filter((track) => track.start <= t);
  lines.push(tracks.length ? `tracked ${tracks.map((track) => `${clock(play, track.start)} to ${t < track.end ? "now" : clock(play, track.end)}`).join(", ")}` : "not tracked so far");
  lines.push(engagementLines(play, threat.engagements, t, false));
  if (threat.end <= t) {
    const how = { [KILLED]: "killed", [LEAKED]: "struck", [DUD]: threat.aim >= 0 ? "arrived without effect" : "left" }[threat.status] || "last seen";
    lines.push(`${how} at ${clock(play, threat.end)}`);
    if (threat.status === LEAKED) lines.push(why(play, threat));
  }
  return lines;
}

function shooterStory(play, index, t) {
  const [name, kind, nation, , , , channels] = data.shooters[index];
  const [, rounds, reserve, busy, able, reload] = rowAt(play.shooters[index].rows, t);
  const lines = [name, `${kind}, ${nation}`];
  if (!able) lines.push("out of action");
  lines.push(`${rounds} rounds ready${reserve ? `, ${reserve} in reserve` : ""}`, `${busy} of ${channels} channels busy`);
  if (reload >= 0) lines.push(`reload ends at ${clock(play, reload / 10)}`);
  const own = play.shooters[index].engagements.filter((one) => one.launched <= t);
  const kills = own.filter((one) => one.outcome === KILL && one.ended <= t).length;
  lines.push(`${own.length} engagements so far, ${kills} kills`);
  return [...lines, engagementLines(play, own, t, false, true)];
}

function assetStory(play, index, t) {
  const [name, kind, value] = data.assets[index];
  const health = rowAt(play.health, t)[1 + index];
  const lines = [name, `${kind}, value ${value}`, health > 0 ? `health ${(health / 10).toFixed(0)} %` : "lost"];
  const hits = play.losses.filter((loss) => loss.asset === index && loss.t <= t);
  return [...lines, hits.map((loss) => `${clock(play, loss.t)} ${data.kinds[loss.threat.kind][0]}, ${loss.amount}: ${loss.why}`)];
}

function sensorStory(index) {
  const [name, kind, , , reach, form] = data.sensors[index];
  return [name, kind, `${form === "line" ? "hears" : "sees"} up to ${(reach / 10).toFixed(0)} km`];
}

function engagementLines(play, engagements, t, seen, ofShooter) {
  return engagements.filter((one) => one.launched <= t).slice(-8).map((one) => {
    const over = one.ended <= t;
    // Who cannot be sure of kills is not told by the picture either.
    const told = !over ? "in flight" : seen && !data.confirmed ? "over" : data.outcomes[one.outcome];
    const whom = ofShooter ? `${data.kinds[play.threats[one.threat].kind][0]} ${play.threats[one.threat].number}` : data.shooters[one.shooter][0];
    return `${clock(play, one.launched)} ${whom}, pk ${one.pk} %: ${told}`;
  });
}
