// Events as they come: streamed where the server does that, else asked for every two seconds.

import { address, get } from "./api.js";

const SECONDS = 2;

/** Call `taken` with lists of events, oldest first, after the number `after`, until `signal`; `said` with how it goes. */
export function follow(after, signal, taken, said) {
  const source = new EventSource(address("events/stream", { after }));
  let last = after;
  signal.addEventListener("abort", () => source.close());
  source.addEventListener("open", () => said("live"));
  source.addEventListener("message", (message) => {
    const event = JSON.parse(message.data);
    last = event.seq;
    taken([event]);
  });
  source.addEventListener("error", () => {
    if (signal.aborted) return;
    // Closed for good: there is no stream here. Otherwise the browser comes back by itself.
    if (source.readyState === EventSource.CLOSED) poll(last, signal, taken, said);
    else said("connecting again");
  });
}

async function poll(after, signal, taken, said) {
  let last = after;
  while (!signal.aborted) {
    try {
      const { items } = await get("events", { after: last, limit: 200 }, signal);
      if (items.length) {
        last = items.at(-1).seq;
        taken(items);
      }
      said("every two seconds");
      if (items.length === 200) continue;
    } catch (error) {
      if (signal.aborted) return;
      said(error.message);
    }
    await new Promise((done) => setTimeout(done, SECONDS * 1000));
  }
}
