//! Planes of light and what lenses and hands do to them.

use crate::canvas::Canvas;
use crate::photo::Turn;
use crate::rng::Seeded;

/// Light before it is rounded: red, green and blue of each pixel, row by row.
#[derive(Debug, Clone)]
pub(crate) struct Plane {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) values: Vec<f32>,
}

impl Plane {
    pub(crate) fn pixel(&mut self, x: usize, y: usize) -> &mut [f32] {
        let start = (y * self.width + x) * 3;
        &mut self.values[start..start + 3]
    }

    fn read(&self, x: i64, y: i64) -> &[f32] {
        let x = x.clamp(0, self.width as i64 - 1) as usize;
        let y = y.clamp(0, self.height as i64 - 1) as usize;
        let start = (y * self.width + x) * 3;
        &self.values[start..start + 3]
    }
}

/// About normally distributed around 0 with deviation 1: the sum of four even parts.
pub(crate) fn cheap_normal(random: &mut Seeded) -> f32 {
    let bits = random.bits();
    let sum: u64 = (0..4).map(|part| (bits >> (16 * part)) & 0xffff).sum();
    (sum as f32 / 65_536.0 - 2.0) * 1.732
}

/// A table top: one colour with coarse or fine grain.
pub(crate) fn table(width: usize, height: usize, random: &mut Seeded) -> Plane {
    let base = [0; 3].map(|_: u8| random.between(20.0, 230.0));
    let (wide, high) = (*random.pick(&[2_usize, 6, 40]), *random.pick(&[2_usize, 6, 20]));
    let contrast = random.between(5.0, 70.0);
    let columns = width / wide + 2;
    let grain: Vec<f32> = (0..columns * (height / high + 2)).map(|_| random.unit() - 0.5).collect();
    let mut plane = Plane { width, height, values: vec![0.0; width * height * 3] };
    for y in 0..height {
        for x in 0..width {
            let (fx, fy) = ((x % wide) as f32 / wide as f32, (y % high) as f32 / high as f32);
            let at = |dx: usize, dy: usize| grain[(y / high + dy) * columns + x / wide + dx];
            let top = at(0, 0) * (1.0 - fx) + at(1, 0) * fx;
            let bottom = at(0, 1) * (1.0 - fx) + at(1, 1) * fx;
            let light = contrast * (top * (1.0 - fy) + bottom * fy);
            plane.pixel(x, y).iter_mut().zip(base).for_each(|(value, base)| *value = base + light);
        }
    }
    plane
}

/// The canvas between its pixels (bilinear).
pub(crate) fn sample(canvas: &Canvas, x: f32, y: f32) -> [f32; 3] {
    let (left, top) = (x.floor(), y.floor());
    let (fx, fy) = (x - left, y - top);
    let (left, top) = (left as i64, top as i64);
    let corners = [
        (canvas.at(left, top), (1.0 - fx) * (1.0 - fy)),
        (canvas.at(left + 1, top), fx * (1.0 - fy)),
        (canvas.at(left, top + 1), (1.0 - fx) * fy),
        (canvas.at(left + 1, top + 1), fx * fy),
    ];
    let mut sum = [0.0; 3];
    for (colour, weight) in corners {
        sum.iter_mut().zip(colour).for_each(|(total, part)| *total += f32::from(part) * weight);
    }
    sum
}

/// Gaussian blur with this deviation in pixels.
pub(crate) fn blur(plane: &mut Plane, deviation: f32) {
    let reach = (deviation * 2.6).ceil() as i64;
    let weights: Vec<f32> =
        (-reach..=reach).map(|at| (-((at * at) as f32) / (2.0 * deviation * deviation)).exp()).collect();
    let steps = |step: (i64, i64)| -> Vec<(i64, i64, f32)> {
        (-reach..=reach).zip(&weights).map(|(at, weight)| (at * step.0, at * step.1, *weight)).collect()
    };
    convolve(plane, &steps((1, 0)));
    convolve(plane, &steps((0, 1)));
}

/// Motion over `length` pixels in the direction `angle`, in radians.
pub(crate) fn shake(plane: &mut Plane, length: f32, angle: f32) {
    let count = (length.ceil() as usize) * 2 + 1;
    let taps: Vec<(i64, i64, f32)> = (0..count)
        .map(|index| {
            let at = length * (index as f32 / (count - 1) as f32 - 0.5);
            ((at * angle.cos()).round() as i64, (at * angle.sin()).round() as i64, 1.0)
        })
        .collect();
    convolve(plane, &taps);
}

/// Replaces each pixel by the weighted mean of its neighbours at these offsets; beyond the edge
/// stands the pixel at the edge.
fn convolve(plane: &mut Plane, taps: &[(i64, i64, f32)]) {
    let total: f32 = taps.iter().map(|tap| tap.2).sum();
    let source = plane.values.clone();
    let (stride, rows) = (plane.width * 3, plane.height as i64);
    for (y, row) in plane.values.chunks_exact_mut(stride).enumerate() {
        row.fill(0.0);
        for (dx, dy, weight) in taps {
            let start = (y as i64 + dy).clamp(0, rows - 1) as usize * stride;
            let from = &source[start..start + stride];
            let weight = weight / total;
            let away = (dx.unsigned_abs() as usize * 3).min(stride);
            let (inside, edge, last) = if *dx < 0 {
                (away..stride, 0..away, 0)
            } else {
                (0..stride - away, stride - away..stride, stride - 3)
            };
            let shifted = if *dx < 0 { &from[..stride - away] } else { &from[away..] };
            row[inside].iter_mut().zip(shifted).for_each(|(sum, value)| *sum += value * weight);
            let repeated = from[last..last + 3].iter().cycle();
            row[edge].iter_mut().zip(repeated).for_each(|(sum, value)| *sum += value * weight);
        }
    }
}

/// Turns the plane clockwise, and the points on it.
pub(crate) fn turn(plane: Plane, corners: [(f32, f32); 4], turn: Turn) -> (Plane, [(f32, f32); 4]) {
    let (width, height) = (plane.width, plane.height);
    let place = |x: usize, y: usize| match turn {
        Turn::Upright => (x, y),
        Turn::Quarter => (height - 1 - y, x),
        Turn::Half => (width - 1 - x, height - 1 - y),
        Turn::ThreeQuarters => (y, width - 1 - x),
    };
    let (right, bottom) = (width as f32 - 1.0, height as f32 - 1.0);
    let corners = corners.map(|(x, y)| match turn {
        Turn::Upright => (x, y),
        Turn::Quarter => (bottom - y, x),
        Turn::Half => (right - x, bottom - y),
        Turn::ThreeQuarters => (y, right - x),
    });
    if turn == Turn::Upright {
        return (plane, corners);
    }
    let sideways = matches!(turn, Turn::Quarter | Turn::ThreeQuarters);
    let (turned_width, turned_height) = if sideways { (height, width) } else { (width, height) };
    let mut turned = Plane { width: turned_width, height: turned_height, values: vec![0.0; plane.values.len()] };
    for y in 0..height {
        for x in 0..width {
            let (to_x, to_y) = place(x, y);
            turned.pixel(to_x, to_y).copy_from_slice(plane.read(x as i64, y as i64));
        }
    }
    (turned, corners)
}
