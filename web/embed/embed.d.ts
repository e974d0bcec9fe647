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
  /** Not known, and left out, if the page has never answered or cannot read its session. */
  livemode?: boolean;
  /** ISO 8601. */
  emitted_at: string;
  data: Data;
}

/**
 * Where the session stands for the person: `collecting`, they are at it; `submitted`, they are done and the
 * checks run; `decided`, the result stands; `in_review`, a person of yours decides; `ended`, without a result.
 */
export type Phase = "collecting" | "submitted" | "decided" | "in_review" | "ended";

export type VerificationEvent =
  /** The page is there and knows its session. */
  | Envelope<"kyc.ready", Record<string, never>>
  | Envelope<"kyc.status_changed", { status: SessionStatus; phase: Phase }>
  /** So tall does the page want to be, in CSS pixels; the iframe follows by itself. */
  | Envelope<"kyc.resize", { height: number }>
  /**
   * The session has ended with a result or waits for a review; `status` says which. Follow `redirect_url`, if
   * there is one. What you decide by is the webhook, not this.
   */
  | Envelope<
      "kyc.completed",
      { status: "completed" | "failed" | "requires_review"; redirect_url: string | null }
    >
  | Envelope<"kyc.canceled", Record<string, never>>
  /** Something is in the way; `code` says what, `message` says it to people. */
  | Envelope<"kyc.error", { code: string; message: string }>;

/**
 * Puts the page of a session into `container`.
 *
 * @throws TypeError if there is no such container, or `sessionId` or `token` is missing.
 */
export function mountVerification(options: VerificationOptions): Verification;
