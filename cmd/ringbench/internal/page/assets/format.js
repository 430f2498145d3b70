// Figures as text, with three significant digits.

const digits = v => v >= 99.95 ? v.toFixed(0) : v >= 9.995 ? v.toFixed(1) : v.toFixed(2);

function si(v, unit) {
  for (const [factor, prefix] of [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]])
    if (v >= factor * 0.9995) return digits(v / factor) + " " + prefix + unit;
  return digits(v) + " " + unit;
}

function nanos(ns) {
  for (const [factor, unit] of [[1e9, "s"], [1e6, "ms"], [1e3, "µs"]])
    if (ns >= factor * 0.9995) return digits(ns / factor) + " " + unit;
  return (ns >= 99.5 ? ns.toFixed(0) : digits(ns)) + " ns";
}

// Ticks have no zeros behind the point.
const short = s => s.replace(/(\.\d*?)0+(?=\D)/, "$1").replace(/\.(?=\D)/, "");

function bytes(n) {
  if (n >= 1 << 20 && n % (1 << 20) === 0) return n / (1 << 20) + " MiB";
  if (n >= 1 << 10 && n % (1 << 10) === 0) return n / (1 << 10) + " KiB";
  return n + " B";
}

// percent names the quantile that 1/(1-quantile) stands for.
function percent(x) {
  if (x <= 1) return "0 %";
  return +(100 * (1 - 1 / x)).toFixed(Math.max(0, Math.ceil(Math.log10(x)) - 2) + 1) + " %";
}

const cut = (s, n) => s.length > n ? s.slice(0, n - 1) + "…" : s;

const kindNames = {"round-trip": "Round trips", "one-way": "One way", "throughput": "Throughput"};
const kindName = k => kindNames[k] ?? k;
