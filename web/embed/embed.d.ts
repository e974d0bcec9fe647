// What embed.js takes and gives. Served at /embed.d.ts.

/** How the page looks; both can be changed later. */
export interface Configuration {
  theme?: "light" | "dark";
  /** A language tag (BCP 47), such as "de" or "pt-BR". Without one, the page asks the browser. */
  locale?: string;
}

export interface VerificationOptions extends Configuration {
  /** Where the iframe goes: an element, or a selector of one. */
  container: Element | string;
  /** `id` of the session that your backend has made with `POST /v1/sessions`. */
  sessionId: string;
  /** Its `sdk_token`. */
  token: string;
  /** The iframe's name for screen readers, in your page's language. */
  title?: string;
  /** Hears every message of the page. */
  onEvent?: (event: VerificationEvent) => void;
}

/** The mounted page. */
export interface Verification {
  readonly iframe: HTMLIFrameElement;
  /** Asks the page to cancel the session; `kyc.canceled` follows. */
  cancel(): void;
  /** Changes how the page looks. What is left out stays as it is. */
  configure(changes: Configuration): void;
  /** Removes the iframe and stops listening. The session goes on: it can be mounted again. */
  unmount(): void;
}

export type SessionStatus =
  | "created"
  | "requires_input"
  | "in_progress"
  | "completed"
  | "failed"
  | "requires_review"
  | "canceled"
  | "expired";

interface Envelope<Type extends string, Data> {
  type: Type;
  version: 1;
  session_id: string;
  livemode: boolean;
  /** ISO 8601. */
  emitted_at: string;
  data: Data;
}

export type VerificationEvent =
  /** The page is there. */
  | Envelope<"kyc.ready", Record<string, unknown>>
  /** `submitted`: the person is done, the checks run. `decided`: the result stands. */
  | Envelope<"kyc.status_changed", { status: SessionStatus; phase: string } & Record<string, unknown>>
  /** So tall does the page want to be, in CSS pixels; the iframe follows by itself. */
  | Envelope<"kyc.resize", { height: number }>
  /** The session has ended with a result. Follow `redirect_url`, if there is one. */
  | Envelope<"kyc.completed", { status: SessionStatus; redirect_url: string | null } & Record<string, unknown>>
  | Envelope<"kyc.canceled", Record<string, unknown>>
  /** Something is in the way. The page says what to do about it; the person may still go on. */
  | Envelope<"kyc.error", { code: string; message: string } & Record<string, unknown>>;

/**
 * Puts the page of a session into `container`.
 *
 * @throws TypeError if there is no such container, or `sessionId` or `token` is missing.
 */
export function mountVerification(options: VerificationOptions): Verification;
