//! The three nets that faces are read with: those of the program, or the operator's own.

use std::sync::Arc;

use rten::{OpRegistry, ThreadPool, op_types};

use crate::nets::{Net, NetError};

/// What a net's file is called, in the program and in the operator's folder.
const FILES: [&str; 3] = ["detector.onnx", "landmarks.onnx", "embedding.onnx"];
/// Pixels a side of the detector's cells.
pub(super) const CELL: usize = 32;
/// Boxes that the detector looks at in each cell.
pub(super) const BOXES: usize = 5;
/// What the detector says of each: place, size and score.
pub(super) const BOX_NUMBERS: usize = 5;
/// Pixels a side of what the net of landmarks looks at.
pub(super) const LANDMARK_SIDE: usize = 112;
/// How many landmarks there are.
pub(super) const LANDMARKS: usize = 68;
/// Pixels a side of what the embedding net looks at.
pub(super) const CHIP_SIDE: usize = 150;
/// How long an embedding may be: shorter ones do not tell enough people apart.
const EMBEDDING_NUMBERS: std::ops::RangeInclusive<usize> = 64..=1024;

/// ONNX files of the operator's own; those that are not there are the program's.
#[derive(Debug, Clone, Default)]
pub struct FaceFiles {
    /// `detector.onnx`: where faces are.
    pub detector: Option<Vec<u8>>,
    /// `landmarks.onnx`: where eyes, nose and mouth are.
    pub landmarks: Option<Vec<u8>>,
    /// `embedding.onnx`: whose face it is.
    pub embedding: Option<Vec<u8>>,
}

impl FaceFiles {
    /// Every file there may be, with the place that it goes to.
    pub fn slots(&mut self) -> [(&'static str, &mut Option<Vec<u8>>); 3] {
        let [detector, landmarks, embedding] = FILES;
        [(detector, &mut self.detector), (landmarks, &mut self.landmarks), (embedding, &mut self.embedding)]
    }
}

/// The loaded nets.
pub(super) struct FaceNets {
    detector: Net,
    landmarks: Net,
    embedding: Net,
}

impl FaceNets {
    /// Loads the nets, the operator's own where there are any.
    pub(super) fn load(files: FaceFiles) -> Result<Self, NetError> {
        let [detector, landmarks, embedding] = FILES;
        let of = |file, own: Option<Vec<u8>>| match (own, built_in(file)) {
            (Some(onnx), _) => Net::own(file, onnx, operators()),
            (None, Some(onnx)) => Net::built_in(file, onnx, operators()),
            (None, None) => Err(NetError { file, why: "it is missing, and this build has none of its own".to_owned() }),
        };
        Ok(Self {
            detector: of(detector, files.detector)?,
            landmarks: of(landmarks, files.landmarks)?,
            embedding: of(embedding, files.embedding)?,
        })
    }

    /// Tries each net on a grey picture, to see that what comes out has the shape that is expected.
    pub(super) fn try_out(&self, worker: &Arc<ThreadPool>) -> Result<(), NetError> {
        let [detector, landmarks, embedding] = FILES;
        let grey = |width: usize, height: usize| vec![128.0; 3 * width * height];
        let checked = |file, said: Result<Vec<f32>, String>, wanted: &str| match said {
            Ok(_) => Ok(()),
            Err(why) => Err(NetError { file, why: format!("{wanted}; but {why}") }),
        };
        let said = self.detect(worker, (96, 64), grey(96, 64));
        checked(detector, said, "an input of 1 x 3 x 64 x 96 must give an output of 1 x 25 x 2 x 3")?;
        let said = self.mark(worker, grey(LANDMARK_SIDE, LANDMARK_SIDE));
        checked(landmarks, said, "an input of 1 x 3 x 112 x 112 must give an output of 1 x 136")?;
        let said = self.embed(worker, grey(CHIP_SIDE, CHIP_SIDE));
        checked(embedding, said, "an input of 1 x 3 x 150 x 150 must give an output of 1 x 64 to 1024")
    }

    /// What the detector says of each box of each cell: box by box, number by number, row by row.
    pub(super) fn detect(
        &self,
        worker: &Arc<ThreadPool>,
        (width, height): (usize, usize),
        rgb: Vec<f32>,
    ) -> Result<Vec<f32>, String> {
        let (shape, said) = self.detector.run::<4>(worker, [1, 3, height, width], rgb)?;
        let fits = shape == [1, BOXES * BOX_NUMBERS, height / CELL, width / CELL];
        if fits { Ok(said) } else { Err(format!("its output is {shape:?}")) }
    }

    /// Where the landmarks are, as shares of the side.
    pub(super) fn mark(&self, worker: &Arc<ThreadPool>, rgb: Vec<f32>) -> Result<Vec<f32>, String> {
        let (shape, said) = self.landmarks.run::<2>(worker, [1, 3, LANDMARK_SIDE, LANDMARK_SIDE], rgb)?;
        let fits = shape == [1, 2 * LANDMARKS];
        if fits { Ok(said) } else { Err(format!("its output is {shape:?}")) }
    }

    /// The numbers that tell the face from others.
    pub(super) fn embed(&self, worker: &Arc<ThreadPool>, rgb: Vec<f32>) -> Result<Vec<f32>, String> {
        let (shape, said) = self.embedding.run::<2>(worker, [1, 3, CHIP_SIDE, CHIP_SIDE], rgb)?;
        let fits = shape[0] == 1 && EMBEDDING_NUMBERS.contains(&shape[1]);
        if fits { Ok(said) } else { Err(format!("its output is {shape:?}")) }
    }
}

/// A net that is part of the program (see `checks/models/faces/NOTICE.md`).
#[cfg(feature = "faces")]
fn built_in(file: &str) -> Option<&'static [u8]> {
    let nets: [&[u8]; 3] = [
        include_bytes!("../../models/faces/detector.onnx"),
        include_bytes!("../../models/faces/landmarks.onnx"),
        include_bytes!("../../models/faces/embedding.onnx"),
    ];
    FILES.iter().zip(nets).find(|(name, _)| **name == file).map(|(_, net)| net)
}

#[cfg(not(feature = "faces"))]
fn built_in(_file: &str) -> Option<&'static [u8]> {
    None
}

/// What the nets of the program are made of, and what others of their kind usually are.
fn operators() -> OpRegistry {
    OpRegistry::with_ops(&[
        &op_types::Add,
        &op_types::AveragePool,
        &op_types::BatchNormalization,
        &op_types::Cast,
        &op_types::Clip,
        &op_types::Concat,
        &op_types::Conv,
        &op_types::DequantizeLinear,
        &op_types::Div,
        &op_types::Flatten,
        &op_types::Gather,
        &op_types::Gemm,
        &op_types::GlobalAveragePool,
        &op_types::HardSigmoid,
        &op_types::HardSwish,
        &op_types::Identity,
        &op_types::LeakyRelu,
        &op_types::MatMul,
        &op_types::MaxPool,
        &op_types::Mul,
        &op_types::PRelu,
        &op_types::Pad,
        &op_types::ReduceL2,
        &op_types::ReduceMean,
        &op_types::Relu,
        &op_types::Reshape,
        &op_types::Resize,
        &op_types::Shape,
        &op_types::Sigmoid,
        &op_types::Slice,
        &op_types::Sqrt,
        &op_types::Squeeze,
        &op_types::Sub,
        &op_types::Transpose,
        &op_types::Unsqueeze,
    ])
}
