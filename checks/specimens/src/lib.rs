//! Specimens: documents of invented people, photographed as a phone would, to try the checks on.
//!
//! Everything here follows from a seed, so a test that fails today fails tomorrow with the same
//! picture. Used by tests and measurements only; the program does not contain it.
//!
//! # Documents with a machine-readable zone
//!
//! ```
//! use vetd_specimens::{Person, Setting, Specimen};
//!
//! let person = Person::invented(7);
//! let photo = Specimen::passport(&person).photo(7, Setting::Normal);
//! assert_eq!(photo.truth.lines.len(), 2);
//! assert!(photo.jpeg.starts_with(&[0xff, 0xd8]));
//! ```
//!
//! [`Specimen::of`] draws every [`Format`], [`Specimen::with_wrong_digit`] prints a check digit
//! wrong, [`Person::expired`] and [`Person::not_yet_valid`] move the dates. [`Blank`] makes
//! pictures without a document.
//!
//! # Anything else flat
//!
//! The photo model takes any [`Page`]: draw on a [`Canvas`] and say how many of its pixels the
//! smallest thing measures that must be read, for a barcode its narrowest bar. The camera goes as
//! near as it must for that thing to measure what [`Camera::with_unit_pixels`] asks for, if the
//! page then still fits the picture.
//!
//! ```
//! use vetd_specimens::{Camera, Canvas, Page, Setting};
//!
//! let mut canvas = Canvas::new(1200, 760, [240, 240, 235]);
//! canvas.rectangle(100.0, 100.0, 6.0, 300.0, [10, 10, 10]);
//! let camera = Camera::new(Setting::Normal).with_unit_pixels(3.0..=6.0);
//! let photo = camera.photograph(&Page { canvas, unit: 4.0 }, 1);
//! assert!(photo.unit_pixels >= 3.0 && photo.width >= 1080);
//! ```

#![forbid(unsafe_code)]

mod blank;
mod canvas;
pub mod chip;
mod document;
mod filters;
mod head;
mod homography;
mod licence;
pub mod pdf;
pub mod pdf417;
mod people;
mod photo;
mod rng;
mod zone;

pub use blank::Blank;
pub use canvas::{Canvas, Colour, Face};
pub use document::{Photo, Specimen, Truth};
pub use head::{Head, Held};
pub use licence::{BoardingPass, Jurisdiction, LicenceBack};
pub use people::Person;
pub use photo::{Camera, Page, Photograph, Setting, Turn};
pub use rng::Seeded;
pub use zone::{Format, WrongDigit, check_digit, lines};
