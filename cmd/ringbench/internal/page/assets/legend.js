// The legend: which methods the charts show. To point at one lets the others fade.

function swatch(m) {
  const svg = d3.create("svg").attr("width", 30).attr("height", 12).attr("aria-hidden", "true");
  svg.append("path").attr("d", "M0,6H30").attr("stroke", color(m)).attr("stroke-width", isRing(m) ? 2.6 : 1.5).attr("stroke-dasharray", dash(m));
  const shape = d3["symbol" + symbol(m)[0].toUpperCase() + symbol(m).slice(1)] ?? Plotted[symbol(m)];
  const mark = svg.append("path").attr("d", d3.symbol(shape, 38)()).attr("transform", "translate(15,6)");
  const {fill, stroke, strokeWidth} = paint(m);
  mark.attr("fill", fill).attr("stroke", stroke).attr("stroke-width", strokeWidth);
  return svg.node();
}

// Plotted are shapes that Plot has and d3 has not.
const Plotted = {
  hexagon: {
    draw(context, size) {
      const r = Math.sqrt(size / (1.5 * Math.sqrt(3)));
      for (let i = 0; i < 6; i++) context[i ? "lineTo" : "moveTo"](r * Math.sin(i * Math.PI / 3), r * Math.cos(i * Math.PI / 3));
      context.closePath();
    },
  },
};

function legend() {
  const box = document.querySelector("#legend .methods");
  const all = d3.range(figures.methods.length);
  if (!all.length) return document.querySelector("aside").remove();
  const boxes = new Map(), updates = [];
  const show = (list, on) => {
    for (const m of list) on ? state.hidden.delete(m) : state.hidden.add(m);
    for (const [m, b] of boxes) b.checked = !state.hidden.has(m);
    for (const u of updates) u();
    change({});
  };
  const button = (text, on) => {
    const b = element("button", {type: "button"}, text);
    b.addEventListener("click", () => show(all, on));
    return b;
  };
  const list = element("div", {class: "families"});
  for (const [f, members] of d3.group(all, m => figures.methods[m].family)) {
    const whole = element("input", {type: "checkbox"});
    const update = () => {
      const shown = members.filter(m => !state.hidden.has(m)).length;
      whole.checked = shown === members.length;
      whole.indeterminate = shown > 0 && shown < members.length;
    };
    updates.push(update);
    update();
    whole.addEventListener("change", () => show(members, whole.checked));
    const items = members.map(m => {
      const input = element("input", {type: "checkbox"});
      input.checked = true;
      boxes.set(m, input);
      input.addEventListener("change", () => show([m], input.checked));
      const label = element("label", {}, input, swatch(m), element("span", {title: name(m)}, name(m)));
      label.addEventListener("pointerenter", () => emphasise(m));
      label.addEventListener("pointerleave", () => emphasise(null));
      return element("li", {}, label);
    });
    const single = figures.families[f] === "ring" ? "family ring" : "family";
    list.append(element("div", {class: single, role: "group", "aria-label": figures.families[f]},
      element("label", {}, whole, element("span", {}, figures.families[f])), element("ul", {}, ...items)));
  }
  box.append(element("div", {class: "all"}, button("Show all", true), button("Hide all", false)), list);
  if (matchMedia("(max-width: 900px)").matches && all.length > 8) document.getElementById("legend").open = false;
  addEventListener("beforeprint", () => { document.getElementById("legend").open = true; });
}
