"use strict";
// The page of an evaluation. `data` is the record that page.py writes; nothing else is read.
const data = JSON.parse(document.getElementById("data").textContent);
const COLOURS = ["#2f7f78", "#c4662f", "#6a5bbd", "#b4475f", "#7b8a2c", "#3b78b8"];
const BARS = 28;  // of the spread
const PAGE = 24;  // items before "more"
const MODES = {pair: "Side by side", all: "All", flicker: "Flicker", wipe: "Wipe", difference: "Difference"};
const several = data.runs.length > 1;
const find = (id) => document.getElementById(id);
const state = {kind: 0, score: "", run: 0, worst: true, subset: "", bar: -1, text: "", shown: PAGE};
let listed = [];  // items in the gallery, in order
let viewed = -1;  // place in `listed`
let mode = several ? "flicker" : "pair";
let timer = 0;

function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") Object.assign(element.style, value);
    else if (value !== false && value !== undefined) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== undefined && child !== null));
  return element;
}

function digits(value) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  if (size >= 100) return value.toFixed(1);
  if (size >= 1) return value.toFixed(3);
  return size === 0 ? "0" : size < 0.001 ? value.toExponential(2) : value.toFixed(4);
}

const plain = (name) => name.replaceAll("_", " ");
const runName = (number) => data.runs[number].name;
const dot = (number) => make("span", {class: "dot", style: {background: COLOURS[number % COLOURS.length]}});

function chips(place, options, chosen, choose) {
  find(place).replaceChildren(...options.map(([value, text]) =>
    make("button", {type: "button", "aria-pressed": String(value === chosen), onclick: () => choose(value)}, text)));
}

// ---- head ----
function showHead() {
  find("title").textContent = data.title;
  find("runs").replaceChildren(...data.runs.map((run, number) => {
    const facts = Object.entries(run.facts), short = facts.length ? facts[0][1].split(" (")[0] : "";
    return make("details", {}, make("summary", {}, several ? dot(number) : "", several ? `${run.name}: ${short}` : short),
      ...facts.map(([name, value]) => make("div", {}, `${name}: ${value}`)));
  }));
  const notes = data.notes.map((text) => make("p", {class: "note warn"}, text));
  if (data.leaks) {
    const pairs = data.leaks.pairs;
    const lines = pairs.slice(0, 500).map((pair) => make("li", {}, `${pair.test} = ${pair.train}, ${pair.kind}`));
    const words = data.leaks.text.split(": ")[0];
    notes.unshift(pairs.length
      ? make("details", {class: "note warn", id: "leaks"}, make("summary", {}, `${words}.`), make("ul", {}, ...lines))
      : make("p", {class: "note", id: "leaks"}, `Leaks: ${words}.`));
  }
  find("notes").replaceChildren(...notes);
}

// ---- numbers ----
function whisker(values) {
  const ends = values.flatMap((value) => [value.low ?? value.value, value.high ?? value.value, value.value]);
  let low = Math.min(...ends), high = Math.max(...ends);
  const room = (high - low || Math.abs(high) || 1) * 0.25;
  low -= room; high += room;
  const place = (x) => `${((x - low) / (high - low)) * 100}%`;
  return values.map((value) => {
    const colour = COLOURS[value.run % COLOURS.length];
    const parts = [make("b", {style: {left: place(value.value), background: colour}})];
    if (value.low !== null) {
      const width = `${((value.high - value.low) / (high - low)) * 100}%`;
      parts.unshift(make("i", {style: {left: place(value.low), width, background: colour}}));
    }
    return make("div", {class: "whisker", role: "img", "aria-label": `${digits(value.value)}, from ${digits(value.low)} to ${digits(value.high)}`}, ...parts);
  });
}

function rival(value) {
  // what has to be beaten: the same score of the unchanged picture
  const metric = value.name.replace(/^(fake|try_on|warp)_/, "");
  if (metric === value.name) return "";
  const other = data.values.find((one) => one.run === value.run && one.kind === value.kind && one.subset === value.subset
    && (one.name === `copy_${metric}` || (value.name.startsWith("warp") && one.name === `flat_${metric}`)));
  const perfect = other && (other.value === 0 || (other.better === "higher" && other.value > 0.99999));
  if (!other || perfect) return "";  // an unchanged picture that is the truth itself
  const beaten = (value.value > other.value) === (value.better === "higher");
  const what = other.name.startsWith("flat") ? "flat garment" : "unchanged picture";
  return make("div", {class: `rival ${beaten ? "up" : "down"}`}, `${what} ${digits(other.value)}`);
}

function card(values) {
  const first = values[0];
  const lines = whisker(values);
  const interval = (value) => value.low === null ? "no interval" : `${digits(value.low)} to ${digits(value.high)}`;
  const rows = values.map((value, i) => make("div", {},
    make("div", {class: several ? "row" : ""}, several ? dot(value.run) : "", make("span", {class: "big"}, digits(value.value)),
      several ? make("span", {class: "interval"}, interval(value)) : ""), lines[i]));
  return make("div", {class: "card"},
    make("div", {class: "name"}, make("span", {}, plain(first.name)), make("span", {title: `${first.better} is better`}, first.better === "higher" ? "↑" : "↓")),
    ...rows,
    several ? "" : make("div", {class: "interval"}, interval(first)),
    several ? "" : make("div", {class: "interval"}, `${first.n} pictures`),
    rival(first),
    make("details", {}, make("summary", {}, "how"), first.protocol));
}

function headline(kind, values) {
  const sets = values.filter((value) => !(value.name in kind.better));
  const others = /^(copy|paste|flat|change)/;
  const scores = values.filter((value) => value.name in kind.better && !others.test(value.name));
  return [...sets, ...scores];
}

function table(kind) {
  const values = data.values.filter((value) => value.kind === kind.id);
  const subsets = [...new Set(values.map((value) => value.subset))];
  const columns = kind.runs.flatMap((run) => subsets.map((subset) => ({run, subset})));
  const count = ({run, subset}) => values.find((value) => value.run === run && value.subset === subset)?.n;
  const head = make("tr", {}, make("th", {}, ""), ...columns.map((column) =>
    make("th", {}, several ? dot(column.run) : "", [several ? runName(column.run) : "", subsets.length > 1 || !several ? plain(column.subset) : ""].filter(Boolean).join(", "), ` (${count(column) ?? 0})`)));
  const rows = [...new Set(values.map((value) => value.name))].map((name) => {
    const cells = columns.map(({run, subset}) => values.find((value) => value.run === run && value.subset === subset && value.name === name));
    const best = several && subsets.map((subset) => {
      const held = cells.filter((cell) => cell && cell.subset === subset);
      const order = held.sort((a, b) => (a.better === "higher" ? b.value - a.value : a.value - b.value));
      return order[0];
    });
    return make("tr", {}, make("td", {}, `${plain(name)} `, make("span", {class: "quiet"}, cells.find(Boolean)?.better === "higher" ? "↑" : "↓")),
      ...cells.map((cell) => make("td", {class: best && best.includes(cell) ? "best" : ""}, cell ? digits(cell.value) : "–",
        cell && cell.low !== null ? make("small", {}, `${digits(cell.low)} to ${digits(cell.high)}`) : "")));
  });
  return make("div", {class: "scroll"}, make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows)));
}

function publishedTables(kind) {
  return data.published.filter((table) => table.kind === kind.id).map((table) => {
    const own = [[several ? runName(table.run) : "this run", table.ours, true]];
    const rows = [...own, ...table.rows].sort((a, b) => table.better === "higher" ? b[1] - a[1] : a[1] - b[1]);
    return make("div", {class: "published"}, make("h3", {}, `Published ${plain(table.name)}${table.scale === 1 ? "" : ` × ${table.scale}`}`),
      make("div", {class: "scroll"}, make("table", {}, make("tbody", {}, ...rows.map(([who, value, ours]) =>
        make("tr", {}, make("td", {class: ours ? "best" : ""}, who), make("td", {class: ours ? "best" : "theirs"}, digits(value))))))),
      make("p", {class: "quiet"}, table.source));
  });
}

function differences(kind) {
  const rows = data.differences.filter((row) => row.kind === kind.id);
  if (!rows.length) return [];
  const sense = (row) => {
    if (row.low <= 0 && row.high >= 0) return ["", "no clear difference"];
    const good = (row.value > 0) === (kind.better[row.name] === "higher");
    return good ? ["up", "better"] : ["down", "worse"];
  };
  return [make("h3", {}, "Item by item"), make("p", {class: "quiet"}, `Against ${runName(rows[0].base)} on the same items: mean difference, 95 % interval.`),
    make("div", {class: "scroll"}, make("table", {}, make("tbody", {}, ...rows.map((row) => {
      const [look, words] = sense(row);
      return make("tr", {}, make("td", {}, dot(row.run), `${runName(row.run)}, ${plain(row.name)}`), make("td", {}, (row.value > 0 ? "+" : "") + digits(row.value)),
        make("td", {}, `${digits(row.low)} to ${digits(row.high)}`), make("td", {class: look}, words));
    }))))];
}

function showNumbers() {
  find("numbers").replaceChildren(...data.kinds.flatMap((kind) => {
    const all = data.values.filter((value) => value.kind === kind.id && value.subset === "all");
    const names = [...new Set(headline(kind, all).map((value) => value.name))];
    const cards = names.map((name) => card(all.filter((value) => value.name === name)));
    return [make("h3", {}, kind.title), make("div", {class: "cards"}, ...cards), ...publishedTables(kind), ...differences(kind),
      make("details", {class: "note"}, make("summary", {}, "Every number, and every subset"), table(kind))];
  }));
}

// ---- gallery ----
const kind = () => data.kinds[state.kind];
const scoreOf = (item, run = state.run) => kind().scores[run]?.[state.score]?.[item.i] ?? null;

function ranked() {
  const lowerIsBetter = kind().better[state.score] !== "higher";
  const sign = lowerIsBetter === state.worst ? -1 : 1;
  const matches = (item) => (!state.subset || kind().subsets[item.i].includes(state.subset))
    && kind().names[item.i].toLowerCase().includes(state.text) && (state.bar < 0 || barOf(scoreOf(item)) === state.bar);
  const last = (value) => value === null ? Infinity : sign * value;
  return kind().items.filter(matches).sort((a, b) => last(scoreOf(a)) - last(scoreOf(b)) || a.i - b.i);
}

function range() {
  const values = (kind().scores[state.run]?.[state.score] ?? []).filter((value) => value !== null);
  return [values, Math.min(...values), Math.max(...values)];
}

function barOf(value) {
  const [, low, high] = range();
  return value === null ? -2 : high > low ? Math.min(BARS - 1, Math.floor(((value - low) / (high - low)) * BARS)) : 0;
}

function showSpread() {
  const [values, low, high] = range();
  find("spread").hidden = values.length < 2;
  if (values.length < 2) return find("spread").nextElementSibling.classList.remove("ends");
  const counts = Array(BARS).fill(0);
  values.forEach((value) => counts[barOf(value)]++);
  const most = Math.max(...counts);
  find("spread").replaceChildren(...counts.map((count, bar) => {
    const from = low + ((high - low) * bar) / BARS, to = low + ((high - low) * (bar + 1)) / BARS;
    return make("button", {type: "button", title: `${count} items from ${digits(from)} to ${digits(to)}`, "aria-label": `${count} items from ${digits(from)} to ${digits(to)}`,
      "aria-pressed": String(state.bar === bar), disabled: !count, style: {height: `${count ? Math.max(6, (count / most) * 100) : 0}%`},
      onclick: () => { state.bar = state.bar === bar ? -1 : bar; showGallery(); }});
  }));
}

function pictures(item) {
  // every picture of an item with its caption, from the left
  const found = [];
  for (const key of item.order) {
    if (key in item.shared) found.push({key, url: item.shared[key], text: plain(key), made: false});
    item.own.forEach((own, run) => {
      if (!(key in own)) return;
      if (several && key !== kind().fake) return;  // of several runs the answers alone
      found.push({key: several ? `${run}/${key}` : key, url: own[key], text: several ? runName(kind().runs[run]) : plain(key), made: key === kind().fake, run});
    });
  }
  return found;
}

function figure(picture, extra) {
  return make("figure", {class: picture.made ? "made" : ""}, make("img", {src: picture.url, alt: picture.text, ...extra}),
    make("figcaption", {}, several && picture.made ? dot(picture.run) : "", picture.text));
}

function itemCard(item, place) {
  const name = kind().names[item.i], value = scoreOf(item);
  return make("article", {class: item.size[0] <= 128 ? "item small" : "item"},
    make("button", {type: "button", class: "strip", "aria-label": `Open ${name}`, onclick: () => view(place)},
      ...pictures(item).map((picture) => figure(picture, {width: item.size[0], height: item.size[1]}))),
    make("div", {class: "line"}, make("span", {title: name}, name, make("span", {class: "quiet"}, kind().subsets[item.i].map((s) => ` · ${plain(s)}`).join(""))),
      value === null ? "" : make("span", {class: "badge", title: plain(state.score)}, digits(value))));
}

function showGallery() {
  listed = ranked();
  const names = Object.keys(kind().better), held = [...new Set(kind().subsets.flat())].sort();
  chips("kinds", data.kinds.map((one, number) => [number, one.title]), state.kind, (number) => { choose(number); showGallery(); });
  find("kinds").hidden = data.kinds.length < 2;
  chips("subsets", [["", "all"], ...held.map((one) => [one, plain(one)])], state.subset, (one) => { state.subset = one; showGallery(); });
  find("subsets").hidden = !held.length;
  find("sort").replaceChildren(...names.map((name) => make("option", {value: name, selected: name === state.score}, plain(name))));
  find("sort").parentElement.hidden = find("order").hidden = !names.length;
  find("run").replaceChildren(...kind().runs.map((run, number) => make("option", {value: number, selected: number === state.run}, runName(run))));
  find("run-label").hidden = !several;
  find("order").textContent = state.worst ? "worst first" : "best first";
  showSpread();
  const total = kind().names.length, here = kind().items.length;
  const part = here < total ? ` This page holds ${here} of ${total}: the worst half by ${plain(kind().score)}, the others evenly.` : "";
  find("count").textContent = `${listed.length} of ${here} items.${part}`;
  const cards = listed.slice(0, state.shown).map(itemCard);
  if (listed.length > state.shown) cards.push(make("button", {type: "button", class: "more", id: "more", onclick: () => { state.shown += PAGE; showGallery(); }}, `show ${Math.min(PAGE, listed.length - state.shown)} more`));
  find("gallery").replaceChildren(...cards);
}

function choose(number) {
  Object.assign(state, {kind: number, score: data.kinds[number]?.score ?? "", run: 0, subset: "", bar: -1, shown: PAGE});
}

// ---- viewer ----
function view(place) {
  viewed = (place + listed.length) % listed.length;
  const item = listed[viewed], options = pictures(item);
  const kept = [find("one").value, find("two").value];
  const made = options.filter((picture) => picture.made), truth = options.find((picture) => picture.key === kind().truth);
  const usual = several && made.length > 1 ? [made[0], made[1]] : [made[0] ?? options.at(-1), truth ?? options[0]];
  [find("one"), find("two")].forEach((select, which) => {
    const key = options.some((picture) => picture.key === kept[which]) ? kept[which] : usual[which].key;
    select.replaceChildren(...options.map((picture) => make("option", {value: picture.key, selected: picture.key === key}, picture.text)));
  });
  find("viewed").textContent = kind().names[item.i];
  find("marks").replaceChildren(...Object.keys(kind().better).map((name) => make("div", {}, make("dt", {}, plain(name)),
    ...kind().scores.map((scores, run) => make("dd", {}, several ? dot(kind().runs[run]) : "", digits(scores[name]?.[item.i] ?? null))))));
  if (!find("viewer").open) find("viewer").showModal();
  draw();
}

function draw() {
  clearInterval(timer);
  const item = listed[viewed], options = pictures(item), stage = find("stage");
  const [one, two] = ["one", "two"].map((id) => options.find((picture) => picture.key === find(id).value));
  chips("modes", Object.entries(MODES), mode, (chosen) => { mode = chosen; draw(); });
  find("choices").hidden = mode === "all";
  find("pace-label").hidden = mode !== "flicker";
  find("gain-label").hidden = mode !== "difference";
  stage.className = `stage ${mode} ${item.size[0] <= 128 ? "small" : ""}`;
  if (mode === "all") stage.replaceChildren(make("div", {class: "many"}, ...options.map((picture) => figure(picture))));
  if (mode === "pair") stage.replaceChildren(figure(one), figure(two));
  if (mode === "flicker") flicker(stage, [one, two]);
  if (mode === "wipe") wipe(stage, one, two, item);
  if (mode === "difference") difference(stage, one, two);
}

function flicker(stage, pair) {
  const image = make("img", {src: pair[0].url, alt: pair[0].text}), caption = make("figcaption", {}, pair[0].text);
  let now = 0;
  timer = setInterval(() => { now = 1 - now; image.src = pair[now].url; image.alt = caption.textContent = pair[now].text; }, 1650 - Number(find("pace").value));
  stage.replaceChildren(make("figure", {class: "made", id: "flicker"}, image, caption));
}

function wipe(stage, one, two, item) {
  const top = make("img", {src: two.url, alt: two.text, draggable: "false"}), line = make("i");
  const box = make("div", {class: "wipe", id: "wipe", style: {aspectRatio: `${item.size[0]} / ${item.size[1]}`}}, make("img", {src: one.url, alt: one.text, draggable: "false"}), top, line);
  const move = (share) => { top.style.clipPath = `inset(0 0 0 ${share * 100}%)`; line.style.left = `${share * 100}%`; };
  const follow = (event) => { const area = box.getBoundingClientRect(); move(Math.min(1, Math.max(0, (event.clientX - area.left) / area.width))); };
  box.addEventListener("pointermove", follow);
  box.addEventListener("pointerdown", follow);
  move(0.5);
  stage.replaceChildren(box);
}

async function difference(stage, one, two) {
  const images = await Promise.all([one, two].map(async (picture) => { const image = new Image(); image.src = picture.url; await image.decode(); return image; }));
  const {naturalWidth: width, naturalHeight: height} = images[0];
  const [a, b] = images.map((image) => {
    const context = make("canvas", {width, height}).getContext("2d", {willReadFrequently: true});
    context.drawImage(image, 0, 0, width, height);
    return context.getImageData(0, 0, width, height).data;
  });
  const canvas = make("canvas", {width, height, id: "difference"}), context = canvas.getContext("2d");
  const map = context.createImageData(width, height), gain = Number(find("gain").value);
  let sum = 0;
  for (let i = 0; i < a.length; i += 4) {
    const gap = (Math.abs(a[i] - b[i]) + Math.abs(a[i + 1] - b[i + 1]) + Math.abs(a[i + 2] - b[i + 2])) / 3;
    sum += gap;
    const heat = Math.min(1, (gap * gain) / 255) * 3;  // black, red, yellow, white
    map.data.set([Math.min(1, heat) * 255, Math.min(1, Math.max(0, heat - 1)) * 255, Math.min(1, Math.max(0, heat - 2)) * 255, 255], i);
  }
  context.putImageData(map, 0, 0);
  canvas.dataset.mean = String(sum / (a.length / 4));
  const caption = `mean difference ${(sum / (a.length / 4)).toFixed(1)} of 255 levels`;
  stage.replaceChildren(figure(one), make("figure", {}, canvas, make("figcaption", {}, caption)), figure(two));
}

function close() {
  clearInterval(timer);
  find("viewer").close();
}

function listen() {
  find("sort").addEventListener("change", (event) => { state.score = event.target.value; state.bar = -1; showGallery(); });
  find("run").addEventListener("change", (event) => { state.run = Number(event.target.value); state.bar = -1; showGallery(); });
  find("order").addEventListener("click", () => { state.worst = !state.worst; showGallery(); });
  find("search").addEventListener("input", (event) => { state.text = event.target.value.trim().toLowerCase(); showGallery(); });
  for (const id of ["one", "two", "pace", "gain"]) find(id).addEventListener("input", draw);
  find("previous").addEventListener("click", () => view(viewed - 1));
  find("next").addEventListener("click", () => view(viewed + 1));
  find("close").addEventListener("click", close);
  find("viewer").addEventListener("close", () => clearInterval(timer));
  document.addEventListener("keydown", (event) => {
    if (!find("viewer").open || event.target.matches("select, input")) return;
    if (event.key === "ArrowLeft") view(viewed - 1);
    if (event.key === "ArrowRight") view(viewed + 1);
  });
}

showHead();
showNumbers();
if (data.kinds.length) { choose(0); listen(); showGallery(); }
