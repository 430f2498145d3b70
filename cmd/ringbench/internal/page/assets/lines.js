// The charts of lines: throughput by size and delay by percentile.

// lines draws series [{m, points: [{x, y, m, title}]}] on logarithmic axes, each with its name at its end.
function lines(series, {width, x, y, ticks, tickFormat, tickRoom, yFormat, label, xLabel}) {
  const narrow = width < 560;
  const letters = narrow ? 15 : 26;
  const longest = d3.max(series, s => cut(name(s.m), letters).length);
  const lead = narrow ? 14 : 34; // from the end of the axis to the names
  const marginRight = lead + 6 + longest * (narrow ? 6.4 : 6.9), marginLeft = 58, marginTop = 28, marginBottom = 44;
  const height = Math.max(narrow ? 340 : 400, series.length * 14 + marginTop + marginBottom);
  const place = d3.scaleLog(x, [marginLeft, width - marginRight]);
  const points = series.flatMap(s => s.points);
  const plot = Plot.plot({
    width, height, marginLeft, marginRight, marginTop, marginBottom, style: look,
    x: {type: "log", domain: x}, y: {type: "log", domain: y},
    marks: [
      Plot.gridY({ticks: decades(y, height - marginTop - marginBottom, 36), ...gridLook}),
      Plot.axisY({ticks: decades(y, height - marginTop - marginBottom, 36), text: v => short(yFormat(v)), tickSize: 0, label, labelAnchor: "top", labelArrow: "none"}),
      Plot.axisX({ticks: apart(ticks, place, tickRoom), text: tickFormat, tickSize: 4, stroke: "var(--rule)", textStroke: "none", fill: "currentColor", label: xLabel, labelAnchor: "center", labelArrow: "none"}),
      series.flatMap(s => [
        Plot.lineY(s.points, {x: "x", y: "y", stroke: color(s.m), strokeWidth: isRing(s.m) ? 2.6 : 1.4, strokeDasharray: dash(s.m), strokeLinejoin: "round", className: marked(s.m)}),
        Plot.dot(s.points.filter(p => p.dot), {x: "x", y: "y", symbol: symbol(s.m), r: isRing(s.m) ? 3.8 : 3.1, ...paint(s.m), className: marked(s.m)}),
      ]),
      Plot.tip(points, Plot.pointer({x: "x", y: "y", title: "title", maxRadius: 30, ...tipLook})),
    ],
  });
  const down = plot.scale("y"), across = plot.scale("x");
  const ends = series.map(s => ({m: s.m, x: across.apply(s.points.at(-1).x), y: down.apply(s.points.at(-1).y)}));
  nameEnds(plot, ends, [width - marginRight, lead], [marginTop, height - marginBottom], letters);
  return plot;
}

// nameEnds writes the names of lines at the right, from top to bottom as the lines end, none over another.
function nameEnds(plot, ends, [edge, lead], [top, bottom], letters) {
  const gap = Math.min(14, (bottom - top) / Math.max(1, ends.length - 1));
  const sorted = d3.sort(ends, e => e.y);
  let last = -Infinity;
  for (const e of sorted) last = e.at = Math.max(e.y, last + gap, top);
  last = bottom + gap;
  for (const e of sorted.toReversed()) last = e.at = Math.min(e.at, last - gap);
  const svg = d3.select(plot), left = edge + lead;
  for (const e of sorted) {
    const g = svg.insert("g", ".tip").attr("class", marked(e.m));
    g.append("path").attr("d", `M${e.x + 5},${e.y}L${Math.max(e.x, edge) + 5},${e.y}L${left - 4},${e.at}`).attr("fill", "none")
      .attr("stroke", color(e.m)).attr("stroke-width", 0.8).attr("stroke-opacity", 0.55);
    g.append("text").attr("text-anchor", "start").attr("x", left).attr("y", e.at).attr("dy", "0.32em").attr("fill", isRing(e.m) ? color(e.m) : "var(--ink)")
      .attr("font-weight", isRing(e.m) ? 650 : 400).text(cut(name(e.m), letters)).append("title").text(name(e.m));
  }
}

// widened is the extent of values on a logarithmic axis, with some room.
function widened(values, room = 1.25) {
  const [low, high] = d3.extent(values);
  return high / low < 4 ? [low / 2, high * 2] : [low / room, high * room];
}

function throughput(width) {
  if (!figures.rates.length) return null;
  const shown = visible(figures.rates);
  if (!shown.length) return {hidden: true};
  const inBytes = state.unit === "bytes";
  const text = v => si(v, inBytes ? "B/s" : "/s");
  const runs = d => d.low < d.high ? `\nruns: ${si(d.low, "/s")} to ${si(d.high, "/s")}` : "";
  const series = ringsLast([...d3.group(shown, d => d.m)].map(([m, list]) => ({m, points: d3.sort(list, d => d.size).map(d => ({
    m, x: d.size, y: inBytes ? d.bytes : d.messages, dot: true,
    title: `${named(m)}\n${bytes(d.size)}: ${si(d.messages, " messages/s")}\n${si(d.bytes, "B/s")}${runs(d)}`,
  }))})));
  const sizes = sizesOf(figures.rates), best = d3.greatest(shown.filter(d => d.size === nearest(sizes)), d => d.messages) ?? d3.greatest(shown, d => d.messages);
  const plot = lines(series, {
    width, x: sizes.length > 1 ? d3.extent(sizes) : [sizes[0] / 2, sizes[0] * 2], y: widened(series.flatMap(s => s.points.map(p => p.y))),
    ticks: sizes, tickFormat: bytes, tickRoom: 46, yFormat: v => si(v, ""), xLabel: "message size",
    label: inBytes ? "bytes per second" : "messages per second",
  });
  return {plot, says: `Throughput of ${series.length} methods by message size. Fastest at ${bytes(best.size)}: ${name(best.m)}, ${si(best.messages, " messages/s")}.`};
}

function percentiles(width) {
  const all = figures.delays.filter(d => d.kind === state.kind && d.curve.length);
  if (!all.length) return null;
  const size = nearest(sizesOf(all)), shown = visible(all.filter(d => d.size === size));
  if (!shown.length) return {hidden: true};
  const series = ringsLast(shown).map(d => ({m: d.m, points: d.curve.map(([x, ns], i) => ({
    m: d.m, x, y: ns, dot: i === d.curve.length - 1 || [2, 10, 100, 1e3, 1e4, 1e5].includes(x),
    title: `${named(d.m)}\n${i === d.curve.length - 1 ? "slowest" : percent(x) + " are within"} ${nanos(ns)}\n${bytes(d.size)}`,
  }))}));
  const high = Math.max(20, d3.max(series, s => s.points.at(-1).x));
  const ticks = [2, ...d3.range(1, Math.floor(Math.log10(high)) + 1).map(e => 10 ** e)];
  const plot = lines(series, {
    width, x: [1, high], y: widened(series.flatMap(s => s.points.map(p => p.y))), ticks: [1, ...ticks],
    tickFormat: percent, tickRoom: 54, yFormat: nanos, xLabel: "percentile", label: state.kind === "one-way" ? "one-way delay" : "round trip",
  });
  const best = d3.least(shown, d => d.p50);
  return {plot, says: `Delay by percentile of ${series.length} methods at ${bytes(size)}. Least median: ${name(best.m)}, ${nanos(best.p50)}.`};
}
