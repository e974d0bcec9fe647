//! What a phone makes of a page: a photo model.
//!
//! A page is laid on a table and seen by a camera that is not quite above it (perspective, a
//! small rotation, a slightly bent page), in uneven light with shadows and glare, by a lens that
//! is not quite in focus in a hand that is not quite still; the sensor adds noise and the phone
//! writes a JPEG.

use std::f32::consts::TAU;
use std::ops::RangeInclusive;

use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder};

use crate::canvas::Canvas;
use crate::filters::{self, Plane};
use crate::homography::Homography;
use crate::rng::Seeded;

/// How bad the conditions are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    /// Somebody who was told how to hold the phone.
    Normal,
    /// Every distortion 1.7 times as strong.
    Hard,
}

impl Setting {
    fn strength(self) -> f32 {
        match self {
            Self::Normal => 1.0,
            Self::Hard => 1.7,
        }
    }
}

/// By how much the finished picture is turned clockwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// As the page is read.
    Upright,
    /// By 90 degrees.
    Quarter,
    /// By 180 degrees: upside down.
    Half,
    /// By 270 degrees.
    ThreeQuarters,
}

impl Turn {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Upright, Self::Quarter, Self::Half, Self::ThreeQuarters];
}

/// Something flat to be photographed.
#[derive(Debug, Clone)]
pub struct Page {
    /// How it looks.
    pub canvas: Canvas,
    /// How many pixels of the canvas the smallest thing measures that a reader must tell from its
    /// neighbour: one character's cell of a machine-readable zone, one narrow bar of a barcode.
    pub unit: f32,
}

/// How a picture is taken.
#[derive(Debug, Clone, PartialEq)]
pub struct Camera {
    /// How bad the conditions are.
    pub setting: Setting,
    /// How the phone is held.
    pub turn: Turn,
    /// How many pixels of the photo a [unit](Page::unit) may measure: the camera moves nearer or
    /// farther until it does, as long as the page still fits the picture.
    pub unit_pixels: RangeInclusive<f32>,
}

impl Camera {
    /// An upright camera that gives a character's cell 15 to 45 pixels.
    #[must_use]
    pub fn new(setting: Setting) -> Self {
        Self { setting, turn: Turn::Upright, unit_pixels: 15.0..=45.0 }
    }

    /// The same camera held otherwise.
    #[must_use]
    pub fn turned(self, turn: Turn) -> Self {
        Self { turn, ..self }
    }

    /// The same camera at the distance at which a unit measures so many pixels.
    #[must_use]
    pub fn with_unit_pixels(self, unit_pixels: RangeInclusive<f32>) -> Self {
        Self { unit_pixels, ..self }
    }

    /// Takes a picture of `page`: the same one for the same seed.
    #[must_use]
    pub fn photograph(&self, page: &Page, seed: u64) -> Photograph {
        let mut random = Seeded::new(seed, "photo");
        let scene = Scene::arrange(page, self, &mut random);
        let mut plane = scene.expose(page, &mut random);
        scene.light(&mut plane, &mut random);
        scene.blur(&mut plane, &mut random);
        let noise = random.between(1.0, 9.0 * scene.strength);
        for value in &mut plane.values {
            *value += filters::cheap_normal(&mut random) * noise;
        }
        let quality = u8::try_from(random.whole(45, 92)).unwrap_or(80);
        let (plane, corners) = filters::turn(plane, scene.corners, self.turn);
        Photograph {
            jpeg: encode(&plane, quality),
            width: plane.width,
            height: plane.height,
            corners,
            unit_pixels: scene.scale * page.unit,
        }
    }
}

/// A picture as a phone sends it.
#[derive(Debug, Clone)]
pub struct Photograph {
    /// The file.
    pub jpeg: Vec<u8>,
    /// Its width in pixels.
    pub width: usize,
    /// Its height in pixels.
    pub height: usize,
    /// Where the page's corners came to lie: those that are at the page's own top left, top right,
    /// bottom right and bottom left.
    pub corners: [(f32, f32); 4],
    /// How many pixels a [unit](Page::unit) measures, about.
    pub unit_pixels: f32,
}

/// Where everything stands before the shutter opens.
struct Scene {
    strength: f32,
    width: usize,
    height: usize,
    scale: f32,
    corners: [(f32, f32); 4],
    bend: f32,
}

impl Scene {
    fn arrange(page: &Page, camera: &Camera, random: &mut Seeded) -> Self {
        let strength = camera.setting.strength();
        let (page_width, page_height) = (page.canvas.width() as f32, page.canvas.height() as f32);
        let width = *random.pick(&[1080.0_f32, 1280.0, 1600.0, 1920.0, 2400.0]);
        let height = (width * random.pick(&[0.75, 0.66, 0.8])).floor();
        let wanted = random.between(0.62, 0.95) * width / page_width;
        let nearest = (0.97 * width / page_width).min(0.96 * height / page_height);
        let scale =
            wanted.clamp(camera.unit_pixels.start() / page.unit, camera.unit_pixels.end() / page.unit).min(nearest);
        let middle = (width * (0.5 + random.between(-0.02, 0.02)), height * (0.5 + random.between(-0.02, 0.02)));
        let angle = (random.normal() * 3.0 * strength).to_radians();
        let wander = 0.035 * strength * scale * page_width;
        let corners = [(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)].map(|(across, down): (f32, f32)| {
            let (x, y) = (across * page_width * scale, down * page_height * scale);
            let turned = (x * angle.cos() - y * angle.sin(), x * angle.sin() + y * angle.cos());
            let moved = (random.between(-wander, wander), random.between(-wander, wander));
            (middle.0 + turned.0 + moved.0, middle.1 + turned.1 + moved.1)
        });
        let bend = random.normal() * 0.004 * strength;
        Self { strength, width: width as usize, height: height as usize, scale, corners, bend }
    }

    /// The page on the table, before light and lens.
    fn expose(&self, page: &Page, random: &mut Seeded) -> Plane {
        let mut plane = filters::table(self.width, self.height, random);
        let (page_width, page_height) = (page.canvas.width() as f32, page.canvas.height() as f32);
        let Some(to_page) = Homography::to_rectangle(self.corners, page_width, page_height) else { return plane };
        // So many samples a side that none of the page's pixels are skipped.
        let samples = ((1.0 / self.scale).ceil() as usize).clamp(1, 3);
        for y in 0..self.height {
            for x in 0..self.width {
                let mut sum = [0.0_f32; 3];
                let mut hits = 0.0_f32;
                for sample in 0..samples * samples {
                    let offset = |index: usize| (index as f32 + 0.5) / samples as f32 - 0.5;
                    let at = to_page.map(x as f32 + offset(sample % samples), y as f32 + offset(sample / samples));
                    let across = at.0 / page_width - 0.5;
                    let at = (at.0, at.1 + self.bend * page_width * (4.0 * across * across - 1.0));
                    if (0.0..page_width).contains(&at.0) && (0.0..page_height).contains(&at.1) {
                        let colour = filters::sample(&page.canvas, at.0 - 0.5, at.1 - 0.5);
                        sum.iter_mut().zip(colour).for_each(|(total, part)| *total += part);
                        hits += 1.0;
                    }
                }
                let share = hits / (samples * samples) as f32;
                for (value, total) in plane.pixel(x, y).iter_mut().zip(sum) {
                    *value = *value * (1.0 - share) + total / (samples * samples) as f32;
                }
            }
        }
        plane
    }

    /// A slope of brightness, sometimes the edge of a shadow, sometimes a spot of glare.
    fn light(&self, plane: &mut Plane, random: &mut Seeded) {
        let (width, height) = (self.width as f32, self.height as f32);
        let (level, slope) = (random.between(0.65, 1.05), random.between(0.0, 0.45 * self.strength));
        let (sin, cos) = random.between(0.0, TAU).sin_cos();
        let shadow = random.chance(0.3 * self.strength).then(|| {
            let (sin, cos) = random.between(0.0, TAU).sin_cos();
            let at = (width * random.between(0.3, 0.7), height * random.between(0.3, 0.7));
            (sin, cos, at, random.between(5.0, 60.0), random.between(0.15, 0.45))
        });
        let glare = random.chance(0.25 * self.strength).then(|| {
            let at = (width * random.between(0.1, 0.9), height * random.between(0.1, 0.95));
            (at, random.between(0.03, 0.09) * width, random.between(60.0, 190.0))
        });
        let tint = [random.between(0.94, 1.04), random.between(0.97, 1.02), random.between(0.88, 1.04)];
        for y in 0..self.height {
            for x in 0..self.width {
                let (fx, fy) = (x as f32, y as f32);
                let mut factor = level + slope * (cos * (fx / width - 0.5) + sin * (fy / height - 0.5));
                if let Some((sin, cos, at, soft, depth)) = shadow {
                    let distance = cos * (fx - at.0) + sin * (fy - at.1);
                    factor *= 1.0 - depth / (1.0 + (-distance / soft).exp());
                }
                let extra = glare.map_or(0.0, |(at, radius, strength)| {
                    strength * (-((fx - at.0).powi(2) + (fy - at.1).powi(2)) / (2.0 * radius * radius)).exp()
                });
                for (value, tint) in plane.pixel(x, y).iter_mut().zip(tint) {
                    *value = *value * factor * tint + extra;
                }
            }
        }
    }

    /// A lens out of focus, then a hand that moves.
    fn blur(&self, plane: &mut Plane, random: &mut Seeded) {
        let sharpness = self.width as f32 / 1600.0;
        let deviation = (random.normal() * 0.9 * self.strength).abs() * sharpness;
        if deviation > 0.2 {
            filters::blur(plane, deviation);
        }
        if random.chance(0.3 * self.strength) {
            let length = random.between(2.0, 6.0) * sharpness;
            filters::shake(plane, length, random.between(0.0, TAU / 2.0));
        }
    }
}

/// A JPEG file of the plane.
pub(crate) fn encode(plane: &Plane, quality: u8) -> Vec<u8> {
    let bytes: Vec<u8> = plane.values.iter().map(|value| value.clamp(0.0, 255.0) as u8).collect();
    let mut file = Vec::new();
    let (width, height) = (plane.width as u32, plane.height as u32);
    JpegEncoder::new_with_quality(&mut file, quality)
        .write_image(&bytes, width, height, ExtendedColorType::Rgb8)
        .expect("a plane has as many bytes as its size says");
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A small page, so that the test is quick.
    fn page() -> Page {
        Page { canvas: Canvas::new(300, 200, [230, 220, 210]), unit: 10.0 }
    }

    #[test]
    fn the_same_seed_makes_the_same_photo() {
        let camera = Camera::new(Setting::Normal);
        let (one, other) = (camera.photograph(&page(), 5), camera.photograph(&page(), 5));
        assert_eq!(one.jpeg, other.jpeg);
        assert_ne!(one.jpeg, camera.photograph(&page(), 6).jpeg);
        assert!((15.0..=45.0).contains(&one.unit_pixels));
    }

    #[test]
    fn a_turned_photo_has_its_corners_turned() {
        let upright = Camera::new(Setting::Normal).photograph(&page(), 5);
        let turned = Camera::new(Setting::Normal).turned(Turn::Quarter).photograph(&page(), 5);
        assert_eq!((turned.width, turned.height), (upright.height, upright.width));
        let (from, to) = (upright.corners[0], turned.corners[0]);
        assert!((to.0 - (upright.height as f32 - 1.0 - from.1)).abs() < 0.01 && (to.1 - from.0).abs() < 0.01);
    }
}
