// The person who is verified, with a mouse: what they press and type on each screen.

import { fileURLToPath } from "node:url";

const SPECIMENS = fileURLToPath(new URL("../../../checks/specimen-pictures/", import.meta.url));

/** Where the person looks: the page itself, or the frame in it. */
/** @typedef {import("playwright-core").Page | import("playwright-core").FrameLocator} Sight */

/** What a flow with a document asks for. */
export const STEPS = [
  { type: "consent", text: "I agree that Example Shop verifies my identity.\n\nThe [privacy notice](https://example.com/privacy) says more." },
  {
    type: "data_entry",
    fields: [
      { name: "first_name", type: "string", required: true },
      { name: "last_name", type: "string", required: true },
      { name: "date_of_birth", type: "date", required: true },
      { name: "nationality", type: "country", required: false },
    ],
  },
  { type: "document_upload" },
];
/** Everything that a flow can ask for. */
export const ALL_STEPS = [...STEPS, { type: "selfie" }, { type: "liveness" }];
export const LOCALES = ["en", "es", "fr", "de", "pt", "ar", "zh"];

export class Person {
  /** @param {Sight} sight */
  constructor(sight) {
    this.sight = sight;
  }

  /** Waits for the screen with this heading. @param {string | RegExp} name */
  async sees(name) {
    await this.sight.getByRole("heading", { level: 1, name }).waitFor();
  }

  /** @param {string | RegExp} name */
  async presses(name) {
    await this.sight.getByRole("button", { name }).click();
  }

  async consents() {
    await this.presses("Agree and continue");
    await this.sees("Your details");
  }

  /** Types what the specimen passport says. */
  async types() {
    await this.sight.getByLabel("First names").fill("ANNA MARIA");
    await this.sight.getByLabel("Last name").fill("ERIKSSON");
    await this.sight.getByLabel("Day").fill("12");
    await this.sight.getByLabel("Month").selectOption("8");
    await this.sight.getByLabel("Year").fill("1974");
  }

  async submitsData() {
    await this.types();
    await this.presses("Continue");
    await this.sees("Your document");
  }

  /**
   * @param {"Passport" | "Identity card" | "Driving licence"} kind
   * @param {string} country
   */
  async chooses(kind = "Passport", country = "DE") {
    await this.sight.getByText(kind, { exact: true }).click();
    await this.sight.getByLabel("Issuing country").selectOption(country);
    await this.presses("Continue");
    await this.sees(/of your/);
  }

  /** Chooses a specimen as a file. @param {string} name */
  async picks(name) {
    await this.sight.locator("input[type=file]").setInputFiles(`${SPECIMENS}${name}.jpg`);
    await this.sees(/\?$/);
  }

  /** Sends the picture that is looked at. */
  async uses() {
    await this.presses("Use this picture");
  }

  /** Holds the document in front of the camera until the picture is taken by itself. */
  async photographs() {
    await this.presses("Use the camera");
    await this.sight.getByRole("button", { name: "Use this picture" }).waitFor();
  }
}

/**
 * Opens a session's page by itself, as a link in a message would.
 * @param {import("playwright-core").BrowserContext} context
 * @param {Record<string, any>} session
 */
export async function open(context, session) {
  const page = await context.newPage();
  await page.goto(session.iframe_url);
  const person = new Person(page);
  return { page, person };
}
