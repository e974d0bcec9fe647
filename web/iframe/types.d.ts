// The shapes that the modules share.

export type StepType = "consent" | "data_entry" | "document_upload" | "selfie" | "liveness";
export type DocumentKind = "passport" | "id_card" | "driving_license";
export type MediaKind =
  | "document_front" | "document_back" | "selfie"
  | "liveness_1" | "liveness_2" | "liveness_3" | "liveness_4";
export type Challenge = "look_straight" | "turn_left" | "turn_right" | "look_up" | "come_closer";
export type Status =
  | "created" | "requires_input" | "in_progress"
  | "completed" | "failed" | "requires_review" | "canceled" | "expired";

export interface Field {
  name: string;
  type: "string" | "date" | "country";
  required: boolean;
}

/** A step of the flow, and where it stands. */
export interface Step {
  type: StepType;
  state: "accepted" | "current" | "pending";
  /** Of consent. */
  text?: string;
  /** Of data entry. */
  fields?: Field[];
  /** Of a document step. */
  documents?: DocumentKind[];
  /** Of a document step: ISO 3166-1 alpha-2 codes, or `["*"]`. */
  countries?: string[];
  /** Of a liveness step that vetd judges: the moves that are known so far. */
  challenges?: Challenge[];
  /** And how many there are in all. */
  challenge_count?: number;
}

/** A picture that the server has. */
export interface Media {
  kind: MediaKind;
  mrz_found: boolean;
  barcode_found: boolean;
  advice: { code: string; message: string } | null;
}

/** What `GET iframe/api/session` answers. */
export interface Session {
  session_id: string;
  status: Status;
  livemode: boolean;
  steps: Step[];
  next_step: StepType | null;
  attempts: number;
  max_attempts: number;
  last_error: { code: string; message: string; check: string | null } | null;
  /** Unix seconds. */
  expires_at: number;
  theme: Record<string, unknown>;
  locales: string[];
  strings: Record<string, unknown>;
  redirect_url: string | null;
  media: Media[];
  /** While checks run: how many of them have ended. */
  progress?: { done: number; total: number } | null;
  /** The types of the files that the server takes. */
  media_types?: string[];
  parent_origins?: string[];
  loopback_allowed?: boolean;
  /** Unix seconds. */
  server_time?: number;
}

/** Everything that the page shows follows from this. */
export interface State {
  session: Session | null;
  /** Why the page cannot go on. */
  problem: { code: string; reference?: string } | null;
  connection: "online" | "offline" | "busy";
  /** An accepted step that the person went back to. */
  revisited: StepType | null;
  /** The attempt whose failure the person has read about. */
  acknowledged: number;
  /** Messages that were not for this page. */
  ignored: number;
  locale: string;
}

/** A screen on show. */
export interface Screen {
  element: HTMLElement;
  /** The state has changed, the screen is still the right one. */
  update?: (state: State) => void;
  /** Another screen follows. */
  leave?: () => void;
}

/** What a screen works with. */
export interface App {
  store: import("./store.js").Store;
  session: import("./session.js").SessionActions;
  api: import("./api.js").Api;
  frame: import("./frame.js").Frame;
  t: import("./i18n.js").Translate;
  locale: () => string;
  draft: import("./draft.js").Draft;
}
