//! The map between a flat page and its picture.

/// A projective map of the plane.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Homography([f64; 9]);

impl Homography {
    /// The map that takes four corners (top left, top right, bottom right, bottom left) to those
    /// of a rectangle at the origin; none if three of them lie on one line.
    pub(crate) fn to_rectangle(corners: [(f32, f32); 4], width: f32, height: f32) -> Option<Self> {
        let targets = [(0.0, 0.0), (width, 0.0), (width, height), (0.0, height)];
        let mut rows = [[0.0_f64; 9]; 8];
        for (index, ((x, y), (u, v))) in corners.into_iter().zip(targets).enumerate() {
            let (x, y, u, v) = (f64::from(x), f64::from(y), f64::from(u), f64::from(v));
            rows[index * 2] = [x, y, 1.0, 0.0, 0.0, 0.0, -u * x, -u * y, u];
            rows[index * 2 + 1] = [0.0, 0.0, 0.0, x, y, 1.0, -v * x, -v * y, v];
        }
        for column in 0..8 {
            let pivot = (column..8).max_by(|a, b| rows[*a][column].abs().total_cmp(&rows[*b][column].abs()))?;
            if rows[pivot][column].abs() < 1e-12 {
                return None;
            }
            rows.swap(column, pivot);
            let lead = rows[column];
            for (index, row) in rows.iter_mut().enumerate() {
                if index != column {
                    let factor = row[column] / lead[column];
                    row.iter_mut().zip(lead).for_each(|(value, lead)| *value -= factor * lead);
                }
            }
        }
        let mut map = [1.0; 9];
        for (index, value) in map.iter_mut().take(8).enumerate() {
            *value = rows[index][8] / rows[index][index];
        }
        Some(Self(map))
    }

    /// Where a point comes to lie.
    pub(crate) fn map(&self, x: f32, y: f32) -> (f32, f32) {
        let m = &self.0;
        let (x, y) = (f64::from(x), f64::from(y));
        let depth = m[6] * x + m[7] * y + m[8];
        (((m[0] * x + m[1] * y + m[2]) / depth) as f32, ((m[3] * x + m[4] * y + m[5]) / depth) as f32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn corners_go_to_corners() {
        let corners = [(10.0, 12.0), (210.0, 30.0), (190.0, 140.0), (15.0, 120.0)];
        let map = Homography::to_rectangle(corners, 100.0, 50.0).unwrap();
        for (corner, target) in corners.into_iter().zip([(0.0, 0.0), (100.0, 0.0), (100.0, 50.0), (0.0, 50.0)]) {
            let at = map.map(corner.0, corner.1);
            assert!((at.0 - target.0).abs() < 1e-3 && (at.1 - target.1).abs() < 1e-3, "{at:?} {target:?}");
        }
    }

    #[test]
    fn a_line_is_no_page() {
        assert!(Homography::to_rectangle([(0.0, 0.0), (1.0, 0.0), (2.0, 0.0), (3.0, 0.0)], 1.0, 1.0).is_none());
    }
}
