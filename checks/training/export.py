"""Writes a trained net as ONNX: python export.py NET.pickle NET.onnx"""

import pickle
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

with open(sys.argv[1], "rb") as file:
    layers = pickle.load(file)
weights, nodes = [], []


def conv(name, source, target, pads, strides=(1, 1), relu=True):
    values, bias = layers[name]
    weights.append(numpy_helper.from_array(np.ascontiguousarray(values.transpose(3, 2, 0, 1)), name + "w"))
    weights.append(numpy_helper.from_array(bias, name + "b"))
    out = target + "_" if relu else target
    nodes.append(helper.make_node("Conv", [source, name + "w", name + "b"], [out], kernel_shape=values.shape[:2], pads=pads, strides=strides))
    if relu:
        nodes.append(helper.make_node("Relu", [out], [target]))


def pool(source, target, shape):
    nodes.append(helper.make_node("MaxPool", [source], [target], kernel_shape=shape, strides=shape))


conv("c1", "x", "a1", [2, 2, 2, 2], (2, 2))
conv("c2", "a1", "a2", [1, 1, 1, 1])
pool("a2", "p2", [2, 2])
conv("c3", "p2", "a3", [1, 1, 1, 1])
pool("a3", "p3", [2, 1])
conv("c4", "p3", "a4", [1, 1, 1, 1])
conv("c5", "a4", "a5", [0, 1, 0, 1])
conv("c6", "a5", "a6", [0, 1, 0, 1])
conv("c7", "a6", "y", [0, 0, 0, 0], relu=False)
graph = helper.make_graph(
    nodes, "mrz",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 1, 32, "w"])],
    [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 38, 1, "t"])], weights)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
model.ir_version = 8
onnx.checker.check_model(model)
onnx.save(model, sys.argv[2])
