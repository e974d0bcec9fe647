//! The two-dimensional barcode on the back of a North American driving licence: what a picture of
//! it says ([`aamva`]), and who issued it ([`issuers`]).

pub mod aamva;
pub mod issuers;
pub mod pdf417;
mod pixels;
