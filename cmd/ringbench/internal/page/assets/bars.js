// The charts of bars: the median delay and the CPU time of a message, the best on top.

// below is the next of 1, 2, 5, 10, 20 and so on that is not above v.
function below(v) {
  const ten = 10 ** Math.floor(Math.log10(v));
  return ten * (v >= 5 * ten ? 5 : v >= 2 * ten ? 2 : 1);
}

// bars draws rows [{m, value, low, high, title}] from the least to the greatest.
function bars(rows, width, xLabel) {
  const narrow = width < 560, letters = narrow ? 17 : 30;
  rows = d3.sort(rows, d => d.value);
  const longest = d3.max(rows, d => cut(name(d.m), letters).length);
  const marginLeft = 14 + longest * (narrow ? 6.7 : 7.1), marginRight = 66, marginTop = 6, marginBottom = 44;
  const height = rows.length * 23 + marginTop + marginBottom;
  const low = below(d3.min(rows, d => d.low) / 2), high = Math.max(low * 10, d3.max(rows, d => d.high));
  const x = [low, high], place = d3.scaleLog(x, [marginLeft, width - marginRight]);
  const ticks = apart(decades(x, width - marginLeft - marginRight, 50), place, 44);
  return Plot.plot({
    width, height, marginLeft, marginRight, marginTop, marginBottom, style: look,
    x: {type: "log", domain: x}, y: {type: "band", domain: rows.map(d => d.m), padding: 0.28, axis: null},
    marks: [
      Plot.gridX({ticks, ...gridLook}),
      Plot.axisX({ticks, text: v => short(nanos(v)), tickSize: 0, label: xLabel, labelAnchor: "center", labelArrow: "none"}),
      rows.flatMap(d => [
        Plot.barX([d], {x1: low, x2: "value", y: "m", fill: color(d.m), fillOpacity: isRing(d.m) ? 1 : 0.7, rx2: 2, className: marked(d.m)}),
        d.low < d.high ? Plot.ruleY([d], {x1: "low", x2: "high", y: "m", stroke: "var(--ink)", strokeWidth: 1.1, className: marked(d.m)}) : null,
        Plot.text([d], {x: "high", y: "m", text: d => nanos(d.value), textAnchor: "start", dx: 6, fill: "var(--ink)", fontWeight: isRing(d.m) ? 650 : 400, className: marked(d.m)}),
        Plot.text([d], {frameAnchor: "left", y: "m", text: d => cut(name(d.m), letters), textAnchor: "end", dx: -8, fill: isRing(d.m) ? color(d.m) : "var(--ink)", fontWeight: isRing(d.m) ? 650 : 400, className: marked(d.m)}),
      ]),
      Plot.tip(rows, Plot.pointerY({x: "value", y: "m", title: "title", anchor: "bottom", ...tipLook})),
    ],
  });
}

function median(width) {
  const all = figures.delays.filter(d => d.kind === state.kind);
  if (!all.length) return null;
  const size = nearest(sizesOf(all)), shown = visible(all.filter(d => d.size === size));
  if (!shown.length) return {hidden: true};
  const rows = shown.map(d => ({...d, value: d.p50,
    title: `${named(d.m)}\np50 at ${bytes(d.size)}: ${nanos(d.p50)}` + (d.low < d.high ? `\nruns: ${nanos(d.low)} to ${nanos(d.high)}` : "")}));
  const best = d3.least(rows, d => d.value);
  return {plot: bars(rows, width, state.kind === "one-way" ? "one-way delay, p50" : "round trip, p50"),
    says: `Median delay of ${rows.length} methods at ${bytes(size)}. Least: ${name(best.m)}, ${nanos(best.value)}.`};
}

function cpu(width) {
  const all = figures.cpu.filter(d => d.kind === state.cpuKind);
  if (!all.length) return null;
  const size = nearest(sizesOf(all)), shown = visible(all.filter(d => d.size === size));
  if (!shown.length) return {hidden: true};
  const rows = shown.map(d => ({...d, value: d.ns, low: d.ns, high: d.ns,
    title: `${named(d.m)}\nCPU time at ${bytes(d.size)}: ${nanos(d.ns)} a message`}));
  const best = d3.least(rows, d => d.value);
  return {plot: bars(rows, width, "CPU time per message"),
    says: `CPU time per message of ${rows.length} methods at ${bytes(size)}. Least: ${name(best.m)}, ${nanos(best.value)}.`};
}
