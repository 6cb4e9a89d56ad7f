import { absolute } from "./text";

/** Why the events of an endpoint that does not fail go to it in a lane of their own. */
export function laneSentence(health: { trouble: string | null; limitedTo: number | null; notBefore: string | null }): string | null {
  if (health.trouble === "SLOW") return "It answers slowly. Its events go in a lane of their own, so that others do not wait for it.";
  if (health.trouble !== "LIMITED") return null;
  const rate = health.limitedTo === null ? "" : ` It takes ${health.limitedTo.toLocaleString("en")} requests a second.`;
  const pause = health.notBefore && new Date(health.notBefore).getTime() > Date.now() ? ` It asked to be left alone until ${absolute(health.notBefore)}.` : "";
  return `It limits its requests, and is sent no more than it takes.${rate}${pause}`;
}
