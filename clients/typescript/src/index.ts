/** The client for the API of `segbatch serve`, its errors and its types. */

export { SegmentsClient } from "./client.js";
export type { ListOptions } from "./client.js";
export {
  AnswerError,
  ApiError,
  ConflictError,
  ForbiddenError,
  GoneError,
  InvalidError,
  NotFoundError,
  SegbatchError,
  StaleError,
  UnauthorizedError,
  UnreachableError,
  UsageError,
} from "./errors.js";
export type { CallOptions, ChangeOptions, ClientOptions } from "./options.js";
export type { ExplainOptions, HistoryOptions, OverlapOptions, PageOptions, ValueOptions } from "./reader.js";
export type { components, paths } from "./schema.js";
export type * from "./types.js";
