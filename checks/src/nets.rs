//! Neural nets: loaded from ONNX, run on one thread of a caller's choice.

use std::sync::{Arc, Mutex, PoisonError};

use rten::{Model, ModelOptions, OpRegistry, RunOptions, ThreadPool, Value};

/// A net cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the net {file} cannot be used: {why}")]
pub struct NetError {
    /// Which file it stands in.
    pub file: &'static str,
    /// What is wrong with it.
    pub why: String,
}

/// A loaded net of one input and one output. Shared by threads.
pub(crate) struct Net {
    model: Model,
}

impl Net {
    /// A net that is part of the program.
    pub(crate) fn built_in(file: &'static str, onnx: &'static [u8], operators: OpRegistry) -> Result<Self, NetError> {
        let model = ModelOptions::with_ops(operators).load_static_slice(onnx);
        Self::of(file, model)
    }

    /// A net of the operator's own.
    pub(crate) fn own(file: &'static str, onnx: Vec<u8>, operators: OpRegistry) -> Result<Self, NetError> {
        let model = ModelOptions::with_ops(operators).load(onnx);
        Self::of(file, model)
    }

    fn of(file: &'static str, model: Result<Model, rten::LoadError>) -> Result<Self, NetError> {
        let model = model.map_err(|error| NetError { file, why: error.to_string() })?;
        let (inputs, outputs) = (model.input_ids().len(), model.output_ids().len());
        if (inputs, outputs) != (1, 1) {
            let why = format!("it has {inputs} inputs and {outputs} outputs; it must have one of each");
            return Err(NetError { file, why });
        }
        Ok(Self { model })
    }

    /// What the net makes of an input: the shape of its output, and the values; or why it makes nothing.
    pub(crate) fn run<const N: usize>(
        &self,
        worker: &Arc<ThreadPool>,
        shape: [usize; 4],
        input: Vec<f32>,
    ) -> Result<([usize; N], Vec<f32>), String> {
        let input = Value::from_shape(shape, input).map_err(|error| error.to_string())?;
        let options = RunOptions::default().with_thread_pool(Some(Arc::clone(worker)));
        let output = self.model.run_one((&input).into(), Some(options)).map_err(|error| error.to_string())?;
        output.into_shape_vec::<f32, N>().map_err(|error| error.to_string())
    }
}

/// Idle workers of one thread each: as many as there were runs at the same time.
#[derive(Default)]
pub(crate) struct Workers(Mutex<Vec<Arc<ThreadPool>>>);

impl Workers {
    /// Does some work on one thread, and lets nets run on that same thread. Without this they
    /// would spread every run over all cores.
    pub(crate) fn on_one_thread<T: Send>(&self, work: impl FnOnce(&Arc<ThreadPool>) -> T + Send) -> T {
        let idle = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let worker = idle.unwrap_or_else(|| Arc::new(ThreadPool::with_num_threads(1)));
        let done = worker.run(|| work(&worker));
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(worker);
        done
    }
}
