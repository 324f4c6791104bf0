// Verdicts, regions and warnings in plain words.

export const REGIONS = ["collar", "chest", "waist", "left_sleeve", "right_sleeve"];

const NAMES = {
  collar: "collar",
  chest: "chest",
  waist: "waist",
  left_sleeve: "left sleeve",
  right_sleeve: "right sleeve",
};

const VERDICTS = {
  image_copy: ["Image copy", "The picture itself was reused."],
  design_copy: ["Design copy", "The same design, photographed or drawn anew."],
  partial_copy: ["Partial copy", "The design with some parts altered."],
  similar: ["Similar", "Worth a look: it resembles a registered design but is not called a copy."],
  clear: ["Clear", "No registered design comes close."],
  no_garment: ["No garment", "No garment was found in this photo, so there is nothing to compare."],
};

const REASONS = {
  absent: "this garment has none",
  out_of_frame: "out of the frame",
  occluded: "hidden",
};

const PROBLEMS = {
  unsupported_format: "This is not a picture Selvedge can read",
  undecodable_image: "This picture is damaged or cut short",
  image_too_small: "This picture is too small",
  image_too_large: "This picture has too many pixels",
  upload_too_large: "This file is too large",
  no_garment: "No garment was found in this photo",
  overloaded: "Too many checks are waiting",
  not_ready: "The service is still starting",
  index_unavailable: "The index is not ready",
  internal_error: "Something went wrong in the service",
};

export const problemTitle = (error) => PROBLEMS[error.code] ?? error.title;

export const regionName = (region) => NAMES[region] ?? region.replaceAll("_", " ");

export const plain = (word) => String(word).replaceAll("_", " ");

export const verdictTitle = (verdict) => VERDICTS[verdict]?.[0] ?? plain(verdict);

export function list(words) {
  if (words.length < 2) return words.join("");
  return `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}

export function verdictSentence(answer) {
  const match = gravest(answer);
  const sentence = VERDICTS[answer.verdict]?.[1] ?? "";
  if (!match || answer.verdict !== "partial_copy") return sentence;
  const altered = (match.modified_regions ?? []).map(regionName);
  const agreeing = REGIONS.filter((region) => match.regions?.[region]?.agrees === true).map(regionName);
  if (!altered.length) return sentence;
  const rest = agreeing.length ? `; ${list(agreeing)} ${agreeing.length > 1 ? "agree" : "agrees"}` : "";
  return `The ${list(altered)} ${altered.length > 1 ? "were" : "was"} altered${rest}.`;
}

// The match that the verdict speaks of; a clear photo has none.
export function gravest(answer) {
  if (answer.verdict === "clear" || answer.verdict === "no_garment") return null;
  for (const garment of answer.garments ?? []) {
    if (garment.verdict !== answer.verdict) continue;
    const match = garment.matches?.find((candidate) => candidate.verdict === answer.verdict);
    if (match) return match;
  }
  return null;
}

// Only of a copy can it be said that a region was altered; elsewhere it differs.
export const changed = (verdict) => (["partial_copy", "design_copy", "image_copy"].includes(verdict) ? "altered" : "differs");

export function regionState(entry, verdict) {
  const different = changed(verdict);
  if (!entry || entry.cosine === null || entry.cosine === undefined) {
    if (entry?.agrees === false) return ["altered", `${different}: on one side only`];
    const reason = REASONS[entry?.reason];
    return ["missing", reason ? `missing: ${reason}` : "missing"];
  }
  if (entry.agrees === true) return ["agrees", "agrees"];
  return entry.agrees === false ? ["altered", different] : ["missing", "not counted"];
}

export const percent = (share) => (Number.isFinite(share) ? `${Math.round(share * 100)} %` : "–");

export const capital = (word) => word.charAt(0).toUpperCase() + word.slice(1);
