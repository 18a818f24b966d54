"use strict";
// Draws the figures that the page carries as data, in the page's own colours.
(() => {
  const { figures, texts } = JSON.parse(document.getElementById("figures").textContent);
  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim() || name;
  const FONT = 'system-ui, -apple-system, "Segoe UI", sans-serif';
  const LABEL = 15; // pixels between the labels at the ends of lines

  const painted = (part) => {
    const copy = { ...part };
    for (const key of ["color", "fillcolor"]) if (copy[key]) copy[key] = color(copy[key]);
    return copy;
  };
  const traces = (figure) =>
    figure.traces.map((trace) => ({
      ...trace,
      ...(trace.fillcolor && { fillcolor: color(trace.fillcolor) }),
      ...(trace.said && { text: trace.said.map((number) => texts[number]) }),
      ...(trace.line && { line: painted(trace.line) }),
      ...(trace.marker && { marker: painted(trace.marker) }),
    }));
  const axis = (given) => ({ ...given, color: color("soft"), gridcolor: color("rule"), automargin: true });
  const layout = (figure, box) => {
    const narrow = box.clientWidth < 560;
    const { labels, ...given } = figure.layout;
    return {
      ...given,
      height: figure.height,
      margin: { ...given.margin, ...(narrow && { l: 44, r: Math.min(given.margin.r, 84) }) },
      xaxis: axis(given.xaxis),
      yaxis: axis(given.yaxis),
      shapes: (given.shapes || []).map(painted),
      font: { family: FONT, size: 13, color: color("ink") },
      hoverlabel: { bgcolor: color("well"), bordercolor: color("rule"), font: { color: color("ink"), family: FONT }, align: "left" },
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
    };
  };
  // Labels that would lie on each other are moved apart, from the top down.
  const labels = (figure, box) => {
    const wanted = (figure.layout.labels || []).map((label) => ({ ...label }));
    if (!wanted.length) return [];
    const y = box._fullLayout.yaxis;
    for (const label of wanted) label.pixel = y.d2p(label.y);
    wanted.sort((a, b) => a.pixel - b.pixel);
    let last = 6 - LABEL;
    for (const label of wanted) {
      label.put = Math.max(label.pixel, last + LABEL);
      last = label.put;
    }
    const over = Math.min(Math.max(0, last - y._length), wanted[0].put - 6);
    return wanted.map((label) => ({
      x: 1, xref: "paper", xanchor: "left", xshift: 6,
      y: 1 - (label.put - over) / y._length, yref: "paper", yanchor: "middle",
      text: label.text, showarrow: false, font: { size: 12, color: color(label.color) },
    }));
  };

  const draw = async (figure) => {
    const box = document.getElementById("plot-" + figure.name);
    const config = { responsive: true, displaylogo: false, scrollZoom: figure.zoom, displayModeBar: false };
    await Plotly.newPlot(box, traces(figure), layout(figure, box), config);
    const notes = labels(figure, box);
    if (notes.length) await Plotly.relayout(box, { annotations: notes });
    box.dataset.drawn = "yes";
  };
  const all = () => Promise.all(figures.map(draw));

  all().then(() => { document.documentElement.dataset.drawn = Math.round(performance.now()); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", all);
})();
