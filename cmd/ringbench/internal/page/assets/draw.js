// What all charts share: the figures, what is chosen, how a method looks, controls, drawing again.

const figures = JSON.parse(document.getElementById("figures").textContent);
const state = {hidden: new Set(), unit: "messages", size: 64, kind: "round-trip", cpuKind: "throughput"};
const redrawn = []; // what to draw again when state changes

const symbols = ["circle", "square", "triangle", "diamond", "star", "cross", "wye", "hexagon", "times", "plus"];
const open = ["times", "plus"]; // of lines only
const dashes = ["none", "6 3", "2 2.5", "9 3 2 3", "12 4", "4 2 1 2 1 2"];

const color = m => `var(--f${figures.methods[m].family})`;
const symbol = m => symbols[figures.methods[m].family % symbols.length];
const paint = m => open.includes(symbol(m)) ? {fill: "none", stroke: color(m), strokeWidth: 1.5} : {fill: color(m), stroke: "var(--ground)", strokeWidth: 0.8};
const dash = m => dashes[figures.methods[m].nth % dashes.length];
const isRing = m => figures.families[figures.methods[m].family] === "ring";
const name = m => figures.methods[m].label;
const family = m => figures.families[figures.methods[m].family];
const named = m => name(m) + (family(m) === name(m) ? "" : ` (${family(m)})`);
const marked = m => `s s${m}`; // the classes of all that is drawn of a method
const visible = list => list.filter(d => !state.hidden.has(d.m));
const ringsLast = list => d3.sort(list, d => isRing(d.m) ? 1 : 0);
const sizesOf = list => d3.sort(new Set(list.map(d => d.size)));

// nearest is the size that a chart shows, for want of the chosen one.
const nearest = sizes => d3.least(sizes, s => Math.abs(Math.log(s / state.size)));

function element(tag, attributes = {}, ...children) {
  const e = document.createElement(tag);
  for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
  e.append(...children);
  return e;
}

let choices = 0;

// choice is a row of radio buttons; it has none when there is nothing to choose.
function choice(legend, options, chosen, change) {
  const set = element("fieldset", {class: "choice"}, element("legend", {}, legend));
  const group = "choice" + choices++;
  for (const [value, text] of options) {
    const input = element("input", {type: "radio", name: group, value});
    input.checked = value === chosen;
    input.addEventListener("change", () => change(value));
    set.append(element("label", {}, input, text));
  }
  set.dataset.legend = legend;
  return set;
}

function sizeChoice(sizes) {
  return sizes.length < 2 ? null : choice("Message size", sizes.map(s => [s, bytes(s)]), nearest(sizes), s => change({size: s}));
}

function kindChoice(kinds, key) {
  return kinds.length < 2 ? null : choice("Kind", kinds.map(k => [k, kindName(k)]), state[key], k => change({[key]: k}));
}

// setControls puts other controls into a section, and leaves the focus on the one of the same name and value.
function setControls(section, controls) {
  const box = section.querySelector(".controls");
  const had = box.contains(document.activeElement) ? document.activeElement : null;
  const legend = had?.closest("fieldset").dataset.legend;
  box.replaceChildren(...controls.filter(c => c));
  if (had) [...box.querySelectorAll("input")].find(i => i.value === had.value && i.closest("fieldset").dataset.legend === legend)?.focus();
}

function change(what) {
  Object.assign(state, what);
  for (const draw of redrawn) draw();
}

// chart keeps a section drawn: make(width) returns what stands in it and says what it shows, or null for nothing.
function chart(id, controls, make) {
  const section = document.getElementById(id), drawing = section.querySelector(".drawing");
  const say = text => drawing.replaceChildren(element("p", {class: "empty"}, text));
  let width = 0;
  const draw = () => {
    setControls(section, controls());
    try {
      const made = make(width);
      if (!made) return say(section.dataset.empty);
      if (made.hidden) return say("All methods of this chart are hidden.");
      drawing.replaceChildren(element("div", {role: "img", "aria-label": made.says + " The tables below have all figures."}, made.plot));
      made.plot.addEventListener("input", () => emphasise(made.plot.value ? made.plot.value.m : null));
    } catch (e) {
      say("This chart could not be drawn: " + e.message);
      console.error(e);
    }
  };
  new ResizeObserver(() => {
    const w = Math.floor(drawing.clientWidth);
    if (w > 0 && w !== width) {
      width = w;
      draw();
    }
  }).observe(drawing);
  redrawn.push(() => width > 0 && draw());
}

// emphasise lets all other methods fade; null brings them back.
function emphasise(m) {
  for (const e of document.querySelectorAll(".s")) e.classList.toggle("faint", m !== null && !e.classList.contains("s" + m));
}

const look = {color: "var(--soft)", fontFamily: "inherit", fontSize: "12px", fontVariant: "tabular-nums"};
const tipLook = {fill: "var(--surface)", stroke: "var(--rule)", lineHeight: 1.25, textPadding: 10, fontSize: 12, fontFamily: "inherit", lineWidth: 40, className: "tip"};
const gridLook = {stroke: "var(--grid)", strokeOpacity: 1};

// decades are the ticks of a logarithmic axis: 1, and 2 and 5 where each has room.
function decades([low, high], pixels, room) {
  const all = [], steps = pixels / Math.log10(high / low) * Math.log10(2) >= room ? [1, 2, 5] : [1];
  for (let e = Math.floor(Math.log10(low)); e <= Math.ceil(Math.log10(high)); e++)
    for (const s of steps) all.push(s * 10 ** e);
  return all.filter(t => t >= low * 0.999 && t <= high * 1.001);
}

// apart leaves out ticks that would touch the one before.
function apart(ticks, place, least) {
  const kept = [];
  for (const t of ticks) if (!kept.length || Math.abs(place(t) - place(kept.at(-1))) >= least) kept.push(t);
  return kept;
}
