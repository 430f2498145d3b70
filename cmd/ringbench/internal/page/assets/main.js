// Everything put to work.

function theme() {
  const set = value => value === "auto" ? delete document.documentElement.dataset.theme : document.documentElement.dataset.theme = value;
  document.getElementById("theme").append(choice("Colours", [["auto", "Auto"], ["light", "Light"], ["dark", "Dark"]], "auto", set));
}

function sizesNow(list, kind) {
  return sizesOf(list.filter(d => d.kind === kind));
}

const kindsOf = list => [...new Set(list.map(d => d.kind))];
const delayKinds = kindsOf(figures.delays), costKinds = kindsOf(figures.cpu);
if (!delayKinds.includes(state.kind) && delayKinds.length) state.kind = delayKinds[0];
if (!costKinds.includes(state.cpuKind) && costKinds.length) state.cpuKind = costKinds[0];

theme();
legend();
for (const t of document.querySelectorAll("table.sortable")) sortable(t);
chart("throughput", () => [figures.rates.length ? choice("Unit", [["messages", "messages/s"], ["bytes", "bytes/s"]], state.unit, unit => change({unit})) : null], throughput);
const delayControls = () => [kindChoice(delayKinds, "kind"), sizeChoice(sizesNow(figures.delays, state.kind))];
chart("percentiles", delayControls, percentiles);
chart("median", delayControls, median);
chart("cpu", () => [kindChoice(costKinds, "cpuKind"), sizeChoice(sizesNow(figures.cpu, state.cpuKind))], cpu);
globalThis.ringbenchPicture = picture;
