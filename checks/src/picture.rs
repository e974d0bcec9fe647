//! A picture as the checks look at it.

/// A picture in shades of grey.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gray {
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Luma of each pixel, 0 black to 255 white, row by row from the top: `width * height` of them.
    pub pixels: Vec<u8>,
}
