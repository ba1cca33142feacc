import { ServiceError } from "./api.js";
import type { Strings } from "./strings.js";

/** An error in words a reader can act on. What the service itself says about their input comes first. */
export function explain(error: unknown, strings: Strings): string {
  if (!(error instanceof ServiceError)) return strings.server;
  if (error.status === 0) return strings.network;
  if (error.status === 429) return strings.limited;
  if (error.status === 401 || error.code === "origin_not_allowed") return strings.forbidden;
  if (error.status === 413) return strings.tooLong;
  if (error.status < 500 && error.message !== "") return error.message;
  return error.status === 404 ? strings.missingThing : strings.server;
}
