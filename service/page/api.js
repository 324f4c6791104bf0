// Talks to the service. Every failure becomes a Problem with the service's own words (RFC 9457) or ours.

export class Problem extends Error {
  constructor(title, detail, code, status, retryAfter) {
    super(title);
    Object.assign(this, { title, detail, code, status, retryAfter });
  }
}

// The key lives as long as the tab: it is never written where another page or visit could read it.
const KEY = "selvedge-key";

export function useKey(key) {
  sessionStorage.setItem(KEY, key);
}

function withKey(options) {
  const key = sessionStorage.getItem(KEY);
  return key ? { ...options, headers: { ...options.headers, Authorization: `Bearer ${key}` } } : options;
}

export async function call(path, options = {}) {
  let response;
  try {
    response = await fetch(path, withKey(options));
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem("The service does not answer", "Check that it runs, then try again.", "unreachable", 0);
  }
  const kind = response.headers.get("content-type") ?? "";
  const body = kind.includes("json") ? await response.json().catch(() => null) : null;
  if (response.ok && body !== null) return { status: response.status, body };
  throw new Problem(
    body?.title ?? `The service answered ${response.status}`,
    typeof body?.detail === "string" ? body.detail : "",
    body?.code ?? "",
    response.status,
    response.headers.get("retry-after"),
  );
}

export function checkPhoto(file, weights, signal) {
  const form = new FormData();
  form.append("image", file, file.name || "photo");
  form.append("include", "landmarks,regions");
  form.append("top_k", "12");
  if (Object.keys(weights).length) form.append("weights", JSON.stringify(weights));
  return call("/check-plagiarism", { method: "POST", body: form, signal });
}

export function registerPhoto(file, fields) {
  const form = new FormData();
  form.append("image", file, file.name || "photo");
  for (const [name, value] of Object.entries(fields)) if (value) form.append(name, value);
  return call("/index/add", { method: "POST", body: form });
}

export function photoAddress(itemId, photoId) {
  return `/index/items/${encodeURIComponent(itemId)}/photos/${encodeURIComponent(photoId)}`;
}

// A match names its photo; should it not, the item does.
export async function photoOf(match) {
  const named = match.photo_id ?? match.photo?.photo_id;
  if (named) return shown(photoAddress(match.item_id, named));
  const { body } = await call(`/index/items/${encodeURIComponent(match.item_id)}`);
  const first = body.photos?.[0]?.photo_id;
  return first ? shown(photoAddress(match.item_id, first)) : null;
}

// An <img> sends no key: where one is in use the photo is fetched with it.
async function shown(address) {
  if (!sessionStorage.getItem(KEY)) return address;
  const response = await fetch(address, withKey({}));
  return response.ok ? URL.createObjectURL(await response.blob()) : null;
}
