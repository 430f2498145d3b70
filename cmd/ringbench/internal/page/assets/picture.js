// Pictures for other pages: throughput and delay as one SVG that needs no style sheet.

// picture draws in light or dark colours, whatever the page has.
function picture(theme) {
  const root = document.documentElement, before = root.dataset.theme;
  root.dataset.theme = theme;
  const probe = document.body.appendChild(element("i"));
  const resolve = text => text.replace(/var\((--[a-z0-9-]+)\)/g, (_, property) => {
    probe.style.color = `var(${property})`;
    return d3.color(getComputedStyle(probe).color).formatHex();
  });
  try {
    return resolve(new XMLSerializer().serializeToString(composed(860)));
  } finally {
    probe.remove();
    before ? root.dataset.theme = before : delete root.dataset.theme;
  }
}

function composed(width) {
  const pad = 20, svg = d3.create("svg").attr("xmlns", "http://www.w3.org/2000/svg").attr("width", width)
    .attr("font-family", "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif").attr("font-size", 12);
  const ground = svg.append("rect").attr("width", width).attr("rx", 8).attr("fill", "var(--ground)");
  let y = pad;
  const size = sizesOf(figures.delays).length ? ", " + bytes(nearest(sizesOf(figures.delays))) : "";
  for (const [title, make] of [["Throughput by message size", throughput], ["Round trip by percentile" + size, percentiles]]) {
    const made = make(width - 2 * pad);
    if (!made?.plot) continue;
    svg.append("text").attr("x", pad).attr("y", y + 16).attr("fill", "var(--ink)").attr("font-size", 16).attr("font-weight", 600).text(title);
    const plot = made.plot, height = +plot.getAttribute("height");
    plot.setAttribute("x", pad);
    plot.setAttribute("y", y + 30);
    plot.setAttribute("overflow", "visible");
    svg.node().append(plot);
    y += 30 + height + 14;
  }
  ground.attr("height", y);
  return svg.attr("height", y).attr("viewBox", `0 0 ${width} ${y}`).node();
}
