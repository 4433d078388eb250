// Asking the server this page came from. The browser adds the token it was given for the page.

const BASE = `${location.origin}/api/v1/`;

/** The address of a resource. `origin` has no name and password in it, as the page's own address may. */
export function address(path, wanted = {}) {
  const url = new URL(path, BASE);
  for (const [key, value] of Object.entries(wanted)) if (value !== null && value !== "") url.searchParams.append(key, value);
  return url;
}

/** What a resource says. Throws an error that a person can read. */
export async function get(path, wanted = {}, signal = undefined) {
  let answer;
  try {
    answer = await fetch(address(path, wanted), { signal, headers: { accept: "application/json" } });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The server does not answer.");
  }
  if (answer.ok) return answer.json();
  const problem = await answer.json().catch(() => ({}));
  throw Object.assign(new Error(problem.detail ?? `The server answered ${answer.status}.`), { status: answer.status });
}

/** Ask again every so many seconds, until the view is left; what fails once is asked for again. */
export function every(seconds, signal, ask) {
  const timer = setInterval(() => document.hidden || ask().catch(() => {}), seconds * 1000);
  signal.addEventListener("abort", () => clearInterval(timer));
}
