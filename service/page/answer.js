// The answer: verdict banner, garments, matches side by side with their per-region bars, and the record of the check.

import { photoOf } from "./api.js";
import { byId, element, replaceChildren, safeLink } from "./dom.js";
import { cropOf, highlightRegion } from "./overlay.js";
import { capital, changed, gravest, list, percent, plain, REGIONS, regionName, regionState, verdictSentence, verdictTitle } from "./words.js";

export function showVerdict(answer) {
  const match = gravest(answer);
  const sure = match && Number.isFinite(match.probability) ? element("p", { class: "sure" },
    element("strong", { text: percent(match.probability) }), element("span", { text: "probability" })) : null;
  const words = element("div", {}, element("h2", { text: verdictTitle(answer.verdict) }),
    element("p", { text: verdictSentence(answer) }));
  if (match) words.append(element("p", { class: "of" }, answer.verdict === "similar" ? "to " : "of ", element("code", { text: match.item_id })));
  replaceChildren("verdict",
    element("div", { class: "banner", "data-verdict": answer.verdict }, words, sure),
    warningList([answer, ...(answer.garments ?? [])]));
}

function warningList(bearers) {
  const words = new Set(bearers.flatMap((bearer) => bearer.warnings ?? []).map((warning) => warning.message));
  return words.size ? element("ul", { class: "warnings", "aria-label": "Warnings" },
    ...[...words].map((message) => element("li", { text: message }))) : null;
}

export function showGarments(answer, chosen, choose) {
  const garments = answer.garments ?? [];
  replaceChildren("garments", garments.length < 2 ? null : element("div", { class: "tabs", role: "group", "aria-label": "Garments" },
    ...garments.map((garment, number) => element("button", {
      type: "button",
      "aria-pressed": String(number === chosen),
      onclick: () => choose(number),
      text: `${plain(garment.category)} · ${verdictTitle(garment.verdict)}`,
    }))));
}

export function showMatches(answer, chosen) {
  const garment = answer.garments?.[chosen];
  if (!garment) return replaceChildren("matches");
  const near = (garment.matches ?? []).filter((match) => match.verdict !== "clear");
  const far = (garment.matches ?? []).filter((match) => match.verdict === "clear");
  const seen = `${plain(garment.category)}, found with ${percent(garment.confidence)} confidence`;
  return replaceChildren("matches",
    element("div", { class: "matches-head" },
      element("h2", { text: near.length === 1 ? "1 match" : `${near.length || "No"} matches` }), element("p", { text: seen })),
    cards(near, garment, answer),
    far.length ? element("details", { class: "far", open: near.length === 0 },
      element("summary", { text: far.length === 1 ? "1 that does not come close" : `${far.length} that do not come close` }),
      cards(far, garment, answer)) : null);
}

function cards(matches, garment, answer) {
  return element("ol", { class: "matches" }, ...matches.map((match) => matchCard(match, garment, answer)));
}

function matchCard(match, garment, answer) {
  const badges = [
    match.same_photo && element("span", { class: "badge", text: "same photo" }),
    match.mirrored && element("span", { class: "badge", text: "mirrored" }),
  ].filter(Boolean);
  const link = safeLink(match.item?.url);
  const title = match.item?.title || match.item_id;
  return element("li", { class: "match", "data-verdict": match.verdict, tabindex: "0", "aria-label": `${title}: ${verdictTitle(match.verdict)}` },
    element("header", {},
      element("span", { class: "verdict", text: verdictTitle(match.verdict) }),
      element("h3", {}, link ? element("a", { href: link, rel: "noopener noreferrer", target: "_blank", text: title }) : title),
      ...badges,
      element("span", { class: "numbers" }, element("b", { text: percent(match.probability) }), ` · score ${Number(match.score).toFixed(3)}`)),
    pair(match, garment, answer),
    element("div", { class: "evidence" }, alteration(match), bars(match), precedence(match), warningList([match]), meta(match)));
}

function pair(match, garment, answer) {
  const registered = element("img", { alt: `Registered photo of ${match.item_id}`, loading: "lazy",
    onerror: () => side.classList.add("gone") });
  const side = element("figure", {}, registered, element("figcaption", { text: "registered" }));
  photoOf(match).then((address) => {
    if (address) registered.src = address;
    else side.classList.add("gone");
  }).catch(() => side.classList.add("gone"));
  const crop = cropOf(byId("photo"), answer.image, garment.box, match.mirrored);
  return element("div", { class: "pair" },
    element("figure", {}, crop, element("figcaption", { text: match.mirrored ? "checked, shown flipped" : "checked" })), side);
}

function alteration(match) {
  const altered = (match.modified_regions ?? []).map(regionName);
  return element("p", { class: altered.length ? "altered-words" : "quiet",
    text: altered.length ? `${capital(changed(match.verdict))}: ${list(altered)}` : "No region altered" });
}

function bars(match) {
  const rows = REGIONS.map((region) => {
    const entry = match.regions?.[region];
    const [state, words] = regionState(entry, match.verdict);
    const cosine = Number.isFinite(entry?.cosine) ? entry.cosine : 0;
    const fill = element("span", { class: "fill" });
    fill.style.width = `${Math.max(0, Math.min(1, cosine)) * 100}%`;
    const numbers = Number.isFinite(entry?.cosine) ? `${cosine.toFixed(2)} × ${percent(entry.weight)}` : "";
    const lit = (on) => () => highlightRegion(match.mirrored ? mirrored(region) : region, on);
    return element("li", { class: "region", "data-region": region, "data-state": state, onpointerenter: lit(true), onpointerleave: lit(false) },
      element("span", { class: "name", text: regionName(region) }),
      element("span", { class: "track", "aria-hidden": "true" }, fill),
      element("span", { class: "number", text: numbers }),
      element("span", { class: "word", text: words }));
  });
  return element("ul", { class: "bars", "aria-label": "Regions: cosine times weight" }, ...rows);
}

const mirrored = (region) => ({ left_sleeve: "right_sleeve", right_sleeve: "left_sleeve" })[region] ?? region;

// An earlier listing is never called the copy, so it has to be said which of the two came first.
function precedence(match) {
  if (match.first === "query") {
    const kind = match.kind && match.kind !== match.verdict ? ` It resembles like a ${verdictTitle(match.kind).toLowerCase()}.` : "";
    return element("p", { class: "first", text: `The checked photo was published first.${kind}` });
  }
  return match.first ? element("p", { class: "first", text: "The registered design was published first." }) : null;
}

function meta(match) {
  const item = match.item ?? {};
  const facts = [
    ["item", match.item_id],
    ["seller", item.seller_id],
    ["published", item.published_at ? String(item.published_at).slice(0, 10) : null],
  ].filter(([, value]) => value);
  return element("dl", { class: "facts" }, ...facts.map(fact));
}

export function showRecord(answer) {
  const copy = element("button", { type: "button", class: "plain", text: "Copy check id", onclick: async (event) => {
    const button = event.target;
    try {
      await navigator.clipboard.writeText(answer.check_id);
      button.textContent = "Copied";
    } catch {
      // No clipboard without HTTPS, or no permission: the id is selected, ready for the keys.
      getSelection().selectAllChildren(byId("check-id"));
      button.textContent = "Selected: press Ctrl+C";
    }
  } });
  const times = Object.entries(answer.timings_ms ?? {}).map(([stage, time]) => [stage, `${Math.round(time)} ms`]);
  const versions = Object.entries(answer.versions ?? {}).map(([name, value]) => [name, String(value)]);
  replaceChildren("record", element("footer", { class: "record" },
    element("div", {}, element("code", { id: "check-id", text: answer.check_id ?? "" }), copy,
      answer.cached ? element("span", { class: "badge", text: "from the cache" }) : null),
    facts("Time", times), facts("Versions", versions)));
}

function facts(title, entries) {
  return element("dl", { class: "facts", "aria-label": title }, ...entries.map(fact));
}

const fact = ([name, value]) => element("div", {}, element("dt", { text: plain(name) }), element("dd", { text: value }));
