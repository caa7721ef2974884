// Drawing: one canvas a play, with what stands still kept on a second one.

const COLOUR = {
  sea: "#0b1622", land: "#182634", coast: "#4d6880", border: "#3f5468", ink: "#e8eef4", quiet: "#9db0c1",
  asset: "#56b4e9", shooter: "#12b886", empty: "#8a7a5c", off: "#45586a", sensor: "#7f93a6",
  flight: "#7ef0c6", loss: "#ff6a3d", hurt: "#e6b93c",
};
const FADE = 7, TRAIL = 8; // epochs
const land = Object.fromEntries(Object.entries(data.map).map(([name, lines]) => [name, lines.map(unpackLine)]));
const signPath = Object.fromEntries(Object.entries(data.signs).map(([name, [colour, flat]]) => {
  const path = new Path2D();
  for (let n = 0; n < flat.length; n += 2) {
    if (n) path.lineTo(flat[n], flat[n + 1]); else path.moveTo(flat[n], flat[n + 1]);
  }
  path.closePath();
  return [name, { colour, path }];
}));
const topValue = Math.max(...data.assets.map((asset) => asset[2]));

class MapPanel {
  constructor(canvas, play) {
    this.canvas = canvas;
    this.play = play;
    this.still = document.createElement("canvas");
    this.zoom = 1;
    this.shift = [0, 0]; // pixels
    this.spots = []; // what can be picked: [x, y, type, index]
  }

  resize() {
    const ratio = Math.min(window.devicePixelRatio || 1, 2);
    const box = this.canvas.getBoundingClientRect();
    this.width = Math.max(box.width, 50);
    this.height = Math.max(box.height, 50);
    for (const canvas of [this.canvas, this.still]) {
      canvas.width = Math.round(this.width * ratio);
      canvas.height = Math.round(this.height * ratio);
      canvas.getContext("2d").setTransform(ratio, 0, 0, ratio, 0, 0);
    }
    this.place();
  }

  // Lay the map: as large as fits, then zoomed and shifted by the reader.
  place() {
    const [west, south, east, north] = data.extent;
    this.scale = Math.min(this.width / (east - west), this.height / (north - south)) * this.zoom;
    const limit = [0.5 * this.width * this.zoom, 0.5 * this.height * this.zoom];
    this.shift = this.shift.map((s, n) => Math.max(-limit[n], Math.min(limit[n], s)));
    this.left = this.width / 2 - ((west + east) / 2) * this.scale + this.shift[0];
    this.top = this.height / 2 + ((south + north) / 2) * this.scale + this.shift[1];
    this.drawStill();
  }

  x(units) { return this.left + units * this.scale; }
  y(units) { return this.top - units * this.scale; }

  line(context, points) {
    context.beginPath();
    points.forEach(([x, y], n) => (n ? context.lineTo(this.x(x), this.y(y)) : context.moveTo(this.x(x), this.y(y))));
  }

  drawStill() {
    const c = this.still.getContext("2d");
    c.fillStyle = COLOUR.sea;
    c.fillRect(0, 0, this.width, this.height);
    c.fillStyle = COLOUR.land;
    for (const ring of land.land) { this.line(c, ring); c.fill(); }
    c.lineJoin = "round";
    c.strokeStyle = COLOUR.border;
    c.setLineDash([5, 4]);
    for (const line of land.border) { this.line(c, line); c.stroke(); }
    c.setLineDash([]);
    c.strokeStyle = COLOUR.coast;
    for (const line of land.coast) { this.line(c, line); c.stroke(); }
    this.drawReach(c);
    this.drawSensors(c);
    this.drawNames(c);
  }

  drawReach(c) {
    for (const [, , , x, y, reach] of data.shooters) {
      if (!reach) continue;
      c.beginPath();
      c.arc(this.x(x), this.y(y), reach * this.scale, 0, 7);
      c.fillStyle = "rgba(18,184,134,0.035)";
      c.fill();
      c.strokeStyle = "rgba(18,184,134,0.35)";
      c.stroke();
    }
  }

  drawSensors(c) {
    for (const [, , x, y, reach, form, flat] of data.sensors) {
      const points = unpackLine(flat);
      if (form === "line") {
        c.strokeStyle = "rgba(127,147,166,0.18)";
        c.lineWidth = Math.max(2 * reach * this.scale, 2);
        this.line(c, points);
        c.stroke();
      }
      c.lineWidth = 1;
      c.strokeStyle = form === "radar" ? "rgba(127,147,166,0.22)" : "rgba(127,147,166,0.7)";
      if (form === "radar") { c.beginPath(); c.arc(this.x(x), this.y(y), reach * this.scale, 0, 7); }
      else { this.line(c, points); if (form === "orbit") c.closePath(); }
      c.stroke();
      if (form === "radar") {
        c.fillStyle = COLOUR.sensor;
        c.beginPath();
        c.moveTo(this.x(x) - 5, this.y(y) - 4);
        c.lineTo(this.x(x) + 5, this.y(y) - 4);
        c.lineTo(this.x(x), this.y(y) + 5);
        c.fill();
      }
    }
  }

  // Names where there is room for them, those of the most valuable assets first.
  drawNames(c) {
    c.font = "12px system-ui, 'DejaVu Sans', sans-serif";
    c.textBaseline = "middle";
    const taken = data.assets.map(([, , , x, y]) => [this.x(x) - 7, this.y(y) - 7, 14, 14]);
    const order = data.assets.map((asset, n) => n).sort((a, b) => data.assets[b][2] - data.assets[a][2]);
    for (const n of order) {
      const [name, , value, ax, ay] = data.assets[n], label = `${name} ${value}`;
      const width = c.measureText(label).width, x = this.x(ax), y = this.y(ay);
      const spots = [[x + 10, y], [x - 10 - width, y], [x - width / 2, y + 16], [x - width / 2, y - 16], [x + 10, y + 14], [x + 10, y - 14], [x - 10 - width, y + 14], [x - 10 - width, y - 14]];
      const inside = ([left]) => x < 0 || x > this.width || (left > 2 && left + width < this.width - 2);
      const free = spots.find(([left, middle]) => inside([left]) && taken.every(([l, t, w, h]) => left > l + w || left + width < l || middle - 7 > t + h || middle + 7 < t));
      if (!free) continue; // zoom in to read it
      taken.push([free[0], free[1] - 7, width, 14]);
      c.fillStyle = "rgba(11,22,34,0.6)";
      c.fillRect(free[0] - 2, free[1] - 8, width + 4, 16);
      c.fillStyle = COLOUR.ink;
      c.fillText(label, free[0], free[1]);
    }
  }

  draw(t, truth, picked) {
    const c = this.canvas.getContext("2d"), play = this.play;
    this.spots = [];
    c.drawImage(this.still, 0, 0, this.width, this.height);
    this.drawAssets(c, t);
    this.drawShooters(c, t);
    this.drawEngagements(c, t, truth);
    this.drawEnds(c, t, truth);
    if (truth) this.drawThreats(c, t); else this.drawTracks(c, t);
    if (picked) {
      const spot = this.spots.find(([, , type, index]) => type === picked.type && index === picked.index);
      if (spot) {
        c.strokeStyle = COLOUR.ink;
        c.lineWidth = 2;
        c.beginPath();
        c.arc(spot[0], spot[1], 14, 0, 7);
        c.stroke();
        c.lineWidth = 1;
      }
      if (picked.type === "track" || picked.type === "threat") this.drawWay(c, picked, truth, t);
    }
    data.sensors.forEach(([, , x, y, , form], n) => { if (form === "radar") this.spots.push([this.x(x), this.y(y), "sensor", n]); });
    return play;
  }

  drawWay(c, picked, truth, t) {
    const one = picked.type === "threat" ? this.play.threats[picked.index] : this.play.tracks[picked.index];
    if (!one.points.length) return;
    c.strokeStyle = "rgba(232,238,244,0.55)";
    c.setLineDash([2, 4]);
    const passed = truth ? one.points : one.points.filter(([time]) => time <= t);
    this.line(c, passed.map(([, x, y]) => [x, y]));
    c.stroke();
    c.setLineDash([]);
  }

  drawAssets(c, t) {
    const health = rowAt(this.play.health, t);
    data.assets.forEach(([, , value, ax, ay], n) => {
      const x = this.x(ax), y = this.y(ay), half = 4 + 4 * Math.sqrt(value / topValue), share = health[1 + n] / 1000;
      this.spots.push([x, y, "asset", n]);
      c.fillStyle = COLOUR.sea;
      c.fillRect(x - half - 1, y - half - 1, 2 * half + 2, 2 * half + 2);
      c.strokeStyle = share > 0 ? COLOUR.asset : COLOUR.loss;
      c.lineWidth = 1.5;
      c.strokeRect(x - half, y - half, 2 * half, 2 * half);
      if (share > 0) {
        c.fillStyle = share > 0.999 ? COLOUR.asset : COLOUR.hurt;
        const height = (2 * half - 3) * share;
        c.fillRect(x - half + 1.5, y + half - 1.5 - height, 2 * half - 3, height);
      } else {
        c.beginPath();
        c.moveTo(x - half, y - half); c.lineTo(x + half, y + half);
        c.moveTo(x + half, y - half); c.lineTo(x - half, y + half);
        c.stroke();
      }
      c.lineWidth = 1;
    });
  }

  shooterPlace(s, t) {
    const points = this.play.shooters[s].points;
    const there = points.length ? along(points, t) : null;
    return there ? [this.x(there[0]), this.y(there[1])] : [this.x(data.shooters[s][3]), this.y(data.shooters[s][4])];
  }

  drawShooters(c, t) {
    const few = data.shooters.length <= 24 || this.zoom > 2;
    this.play.shooters.forEach((shooter, s) => {
      const [, rounds, , busy, able] = rowAt(shooter.rows, t), [x, y] = this.shooterPlace(s, t), spends = data.shooters[s][7];
      const size = few ? 7 : 5;
      this.spots.push([x, y, "shooter", s]);
      c.fillStyle = !able ? COLOUR.off : spends && rounds < spends ? COLOUR.empty : COLOUR.shooter;
      c.strokeStyle = COLOUR.sea;
      c.beginPath();
      c.moveTo(x, y - size); c.lineTo(x + size, y + 0.7 * size); 
      if (shooter.points.length) c.lineTo(x, y + 1.6 * size);
      c.lineTo(x - size, y + 0.7 * size); c.closePath();
      c.fill(); c.stroke();
      if (busy) {
        c.strokeStyle = COLOUR.flight;
        c.beginPath(); c.arc(x, y, size + 4, 0, 7); c.stroke();
      }
      if (few && spends) {
        c.fillStyle = COLOUR.shooter;
        for (let n = 0; n < Math.min(rounds, 10); n++) c.fillRect(x - 9 + 4 * (n % 5), y + size + 1 + 4 * Math.floor(n / 5), 3, 3);
      }
    });
  }

  drawEngagements(c, t, truth) {
    for (const one of this.play.engagements) {
      if (one.launched > t || one.ended < t) continue;
      const path = truth || one.track < 0 ? this.play.threats[one.threat].points : this.play.tracks[one.track].points;
      const there = along(path, t);
      if (!there) continue;
      const [x0, y0] = this.shooterPlace(one.shooter, t), x1 = this.x(there[0]), y1 = this.y(there[1]);
      const share = (t - one.launched) / Math.max(one.resolves - one.launched, 0.1);
      const x = x0 + share * (x1 - x0), y = y0 + share * (y1 - y0);
      c.strokeStyle = "rgba(126,240,198,0.28)";
      c.beginPath(); c.moveTo(x0, y0); c.lineTo(x1, y1); c.stroke();
      c.strokeStyle = COLOUR.flight;
      c.beginPath(); c.moveTo(x0, y0); c.lineTo(x, y); c.stroke();
      c.fillStyle = "#d8fff0";
      c.beginPath(); c.arc(x, y, 2.5, 0, 7); c.fill();
    }
  }

  // Kills burst, misses leave a cross, what struck a ring around the asset; all fade.
  drawEnds(c, t, truth) {
    for (const threat of this.play.threats) {
      const since = (t - threat.end) / FADE;
      if (since < 0 || since > 1 || !threat.points.length) continue;
      const [, ux, uy] = threat.points[threat.points.length - 1], x = this.x(ux), y = this.y(uy);
      c.globalAlpha = 1 - since;
      if (threat.status === KILLED && (truth || data.confirmed)) {
        c.strokeStyle = COLOUR.flight;
        c.lineWidth = 2;
        c.beginPath();
        for (let n = 0; n < 8; n++) {
          const dx = Math.cos((n * Math.PI) / 4), dy = Math.sin((n * Math.PI) / 4), far = 6 + 5 * since;
          c.moveTo(x + 0.45 * far * dx, y + 0.45 * far * dy);
          c.lineTo(x + far * dx, y + far * dy);
        }
        c.stroke();
      } else if (threat.status === LEAKED || (threat.status === DUD && threat.aim >= 0)) {
        c.strokeStyle = threat.status === LEAKED ? COLOUR.loss : COLOUR.quiet;
        c.lineWidth = 3;
        c.beginPath(); c.arc(x, y, 9 + 16 * since, 0, 7); c.stroke();
      }
      c.lineWidth = 1;
    }
    for (const one of this.play.engagements) {
      const since = (t - one.ended) / 3;
      if (since < 0 || since > 1 || one.outcome === KILL || one.outcome === IN_FLIGHT || !(truth || data.confirmed)) continue;
      const there = along(this.play.threats[one.threat].points, Math.min(one.ended, this.play.threats[one.threat].end));
      if (!there) continue;
      const x = this.x(there[0]), y = this.y(there[1]);
      c.globalAlpha = 1 - since;
      c.strokeStyle = COLOUR.quiet;
      c.beginPath();
      c.moveTo(x - 4, y - 4); c.lineTo(x + 4, y + 4);
      c.moveTo(x + 4, y - 4); c.lineTo(x - 4, y + 4);
      c.stroke();
    }
    c.globalAlpha = 1;
  }

  drawThreats(c, t) {
    for (const threat of this.play.threats) {
      const there = along(threat.points, t);
      if (!there || t >= threat.end) continue;
      const tracked = threat.tracks.some((track) => track.start <= t && t < track.end);
      this.drawTrail(c, threat.points, t, data.kinds[threat.kind][1]);
      this.drawSign(c, data.kinds[threat.kind][1], there, tracked);
      this.spots.push([this.x(there[0]), this.y(there[1]), "threat", threat.index]);
    }
  }

  drawTracks(c, t) {
    for (const track of this.play.tracks) {
      if (t < track.start || t >= track.end) continue;
      const there = along(track.points, t), row = rowAt(track.beliefs, t), kind = row[4], belief = row[5];
      const gone = this.play.threats[track.threat].end <= t && (data.confirmed || this.play.threats[track.threat].status !== KILLED);
      if (!there || gone) continue;
      const name = data.kinds[kind][1];
      this.drawTrail(c, track.points, t, name);
      this.drawSign(c, name, there, row[1] === 1);
      const x = this.x(there[0]), y = this.y(there[1]);
      if (belief < 100 && (this.zoom > 2 || data.shooters.length <= 24)) {
        c.fillStyle = COLOUR.quiet;
        c.font = "10px system-ui, 'DejaVu Sans', sans-serif";
        c.fillText(`${belief}%`, x + 9, y);
      }
      this.spots.push([x, y, "track", track.index]);
    }
  }

  drawTrail(c, points, t, name) {
    c.strokeStyle = signPath[name].colour;
    c.globalAlpha = 0.4;
    c.beginPath();
    let begun = false;
    for (let past = TRAIL; past >= 0; past -= 2) {
      const there = along(points, t - past);
      if (!there) continue;
      if (begun) c.lineTo(this.x(there[0]), this.y(there[1])); else c.moveTo(this.x(there[0]), this.y(there[1]));
      begun = true;
    }
    c.stroke();
    c.globalAlpha = 1;
  }

  drawSign(c, name, [ux, uy, dx, dy], full) {
    const turn = name === "ballistic" ? 0 : (Math.round((Math.atan2(dx, dy) * 18) / Math.PI) + 36) % 36;
    c.drawImage(stamp(name, full, turn), this.x(ux) - STAMP / 2, this.y(uy) - STAMP / 2, STAMP, STAMP);
  }

  // What lies nearest to a place on the canvas, within reach of a finger.
  pick(x, y, reach) {
    let best = null, nearest = reach * reach;
    for (const [sx, sy, type, index] of this.spots) {
      const away = (sx - x) ** 2 + (sy - y) ** 2 + (type === "sensor" ? 60 : type === "asset" ? 20 : 0);
      if (away < nearest) [best, nearest] = [{ type, index }, away];
    }
    return best;
  }
}

// A sign turned by tens of degrees, drawn once: stamping is several times as fast as drawing.
const STAMP = 28, stamps = new Map(); // pixels
function stamp(name, full, turn) {
  const key = `${name} ${full} ${turn}`;
  if (!stamps.has(key)) {
    const canvas = document.createElement("canvas"), c = canvas.getContext("2d");
    canvas.width = canvas.height = 2 * STAMP;
    c.translate(STAMP, STAMP);
    c.rotate((turn * Math.PI) / 18);
    drawSign(c, name, full, 15);
    stamps.set(key, canvas);
  }
  return stamps.get(key);
}

// A sign, filled if there is a fresh detection (or a track, where the truth is shown).
function drawSign(c, name, full, size) {
  const { colour, path } = signPath[name];
  c.scale(size, size);
  c.lineJoin = "round";
  c.lineWidth = 0.4;
  c.strokeStyle = COLOUR.sea;
  c.stroke(path);
  c.lineWidth = 0.19;
  c.strokeStyle = colour;
  c.fillStyle = colour;
  if (full && name !== "decoy") c.fill(path);
  c.stroke(path);
}
