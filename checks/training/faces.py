"""Turns the weight files of the npm package @vladmandic/face-api into three ONNX files.

    python3 faces.py package/model ../models/faces

The package holds weights without graphs: an 8-bit number q of a weight stands for q * scale + min. The
graphs are written out here, the numbers stay as they are: DequantizeLinear expands them when a file is
loaded, and the scale of a batch normalisation is multiplied into the one of the layer in front of it.
Nothing is rounded, so the files compute what the package does.
"""

import json
import pathlib
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


class Weight:
    """A tensor of 8-bit numbers, or of floats where those have no number that stands for zero."""

    def __init__(self, values, scale=None, zero=None):
        self.values, self.scale, self.zero = values, scale, zero

    def floats(self):
        if self.scale is None:
            return self.values.astype(np.float32)
        return (self.values.astype(np.float64) - self.zero) * self.scale

    def transposed(self, *axes):
        return Weight(self.values.transpose(axes), self.scale, self.zero)


def read(folder, name):
    """All weights of one net, by name."""
    manifest = json.loads((folder / f"{name}-weights_manifest.json").read_text())[0]
    data = b"".join((folder / path).read_bytes() for path in manifest["paths"])
    weights, at = {}, 0
    for entry in manifest["weights"]:
        count = int(np.prod(entry["shape"]))
        code = entry.get("quantization")
        if code is None:
            weights[entry["name"]] = Weight(np.frombuffer(data, np.float32, count, at).reshape(entry["shape"]))
            at += 4 * count
            continue
        assert code["dtype"] == "uint8"
        numbers = np.frombuffer(data, np.uint8, count, at).reshape(entry["shape"])
        at += count
        zero = -code["min"] / code["scale"]
        if abs(zero - round(zero)) < 1e-4 and 0 <= round(zero) <= 255 and count > 1024:
            weights[entry["name"]] = Weight(numbers, code["scale"], round(zero))
        else:
            weights[entry["name"]] = Weight(numbers.astype(np.float64) * code["scale"] + code["min"])
    assert at == len(data), "the manifest and the file differ in length"
    return weights


class Net:
    """A graph in the making. Each method appends a node and returns the name of what it computes."""

    def __init__(self, weights, mean):
        self.weights, self.nodes, self.constants = weights, [], []
        centred = self.node("Sub", "x", self.constant(np.array(mean).reshape(1, 3, 1, 1)))
        self.input = self.node("Div", centred, self.constant(np.array([255.0])))

    def node(self, kind, *inputs, **attributes):
        name = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def constant(self, values, dtype=np.float32):
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values, dtype=dtype), name))
        return name

    def expanded(self, weight, factors=None):
        """A weight as floats; `factors` multiply what stands in each row of its first axis."""
        if weight.scale is None:
            values = weight.values if factors is None else weight.values * factors.reshape(-1, 1, 1, 1)
            return self.constant(values)
        if factors is None:
            scale, zero, axis = np.array(weight.scale), np.array(weight.zero), {}
        else:
            scale, zero, axis = weight.scale * factors, np.full(len(factors), weight.zero), {"axis": 0}
        numbers = self.constant(weight.values, np.uint8)
        return self.node("DequantizeLinear", numbers, self.constant(scale), self.constant(zero, np.uint8), **axis)

    def conv(self, x, filters, bias, factors=None, **attributes):
        """Filters are stored as rows, columns, inputs, outputs."""
        attributes["kernel_shape"] = filters.values.shape[:2]
        filters = self.expanded(filters.transposed(3, 2, 0, 1), factors)
        return self.node("Conv", x, filters, *([self.constant(bias)] if bias is not None else []), **attributes)

    def separable(self, x, name, stride=1):
        """A filter for each channel, then a mixture of the channels."""
        each = self.weights[f"{name}/depthwise_filter"]
        filters = each.transposed(0, 1, 3, 2)
        padding = {"auto_pad": "SAME_UPPER"}
        x = self.conv(x, filters, None, group=each.values.shape[2], strides=[stride] * 2, **padding)
        return self.conv(x, self.weights[f"{name}/pointwise_filter"], self.weights[f"{name}/bias"].floats())

    def relu(self, x):
        return self.node("Relu", x)

    def add(self, *terms):
        total = terms[0]
        for term in terms[1:]:
            total = self.node("Add", total, term)
        return total

    def save(self, output, path, input_shape, output_shape):
        self.nodes.append(helper.make_node("Identity", [output], ["y"]))
        x = helper.make_tensor_value_info("x", TensorProto.FLOAT, input_shape)
        y = helper.make_tensor_value_info("y", TensorProto.FLOAT, output_shape)
        graph = helper.make_graph(self.nodes, path.stem, [x], [y], self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], producer_name="vetd")
        model.ir_version = 8
        onnx.checker.check_model(model)
        onnx.save(model, path)
        print(path, path.stat().st_size, "bytes")


def detector(folder, path):
    """Where faces are: for each cell of 32 x 32 pixels five boxes of four numbers and a score."""
    net = Net(read(folder, "tiny_face_detector_model"), [117.001, 114.697, 97.404])
    weights = net.weights
    leaky = lambda x: net.node("LeakyRelu", x, alpha=0.1)
    pool = lambda x, stride: net.node(
        "MaxPool", x, kernel_shape=[2, 2], strides=[stride] * 2, auto_pad="SAME_UPPER"
    )
    x = net.conv(net.input, weights["conv0/filters"], weights["conv0/bias"].floats(), pads=[1, 1, 1, 1])
    x = pool(leaky(x), 2)
    for layer in range(1, 6):
        x = pool(leaky(net.separable(x, f"conv{layer}")), 1 if layer == 5 else 2)
    x = net.conv(x, weights["conv8/filters"], weights["conv8/bias"].floats())
    net.save(x, path, [1, 3, "height", "width"], [1, 25, "rows", "columns"])


def landmarks(folder, path):
    """The 68 points of the iBUG scheme, as shares of the crop: x, y, x, y."""
    net = Net(read(folder, "face_landmark_68_model"), [122.782, 117.001, 104.298])
    weights, x = net.weights, net.input
    for block in range(4):
        name = f"dense{block}"
        if block == 0:
            filters, bias = weights["dense0/conv0/filters"], weights["dense0/conv0/bias"].floats()
            first = net.relu(net.conv(x, filters, bias, strides=[2, 2], auto_pad="SAME_UPPER"))
        else:
            first = net.relu(net.separable(x, f"{name}/conv0", 2))
        second = net.separable(first, f"{name}/conv1")
        third = net.separable(net.relu(net.add(first, second)), f"{name}/conv2")
        fourth = net.separable(net.relu(net.add(first, second, third)), f"{name}/conv3")
        x = net.relu(net.add(first, second, third, fourth))
    x = net.node("Flatten", net.node("AveragePool", x, kernel_shape=[7, 7], strides=[1, 1]))
    x = net.node("MatMul", x, net.expanded(weights["fc/weights"]))
    x = net.add(x, net.constant(weights["fc/bias"].floats()))
    net.save(x, path, [1, 3, 112, 112], [1, 136])


def embedding(folder, path):
    """128 numbers of a face; those of one person are near each other."""
    net = Net(read(folder, "face_recognition_model"), [122.782, 117.001, 104.298])

    def layer(x, name, **attributes):
        scale = net.weights[f"{name}/scale/weights"].floats()
        bias = net.weights[f"{name}/conv/bias"].floats() * scale + net.weights[f"{name}/scale/biases"].floats()
        return net.conv(x, net.weights[f"{name}/conv/filters"], bias, scale, **attributes)

    def same(x, name):
        inner = net.relu(layer(x, f"{name}/conv1", pads=[1, 1, 1, 1]))
        return net.relu(net.add(layer(inner, f"{name}/conv2", pads=[1, 1, 1, 1]), x))

    def half(x, name, size, channels):
        """Half the size; the way around the layers is padded with zeros where sizes differ."""
        inner = net.relu(layer(x, f"{name}/conv1", strides=[2, 2]))
        inner = layer(inner, f"{name}/conv2", pads=[1, 1, 1, 1])
        around = net.node("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2])
        missing = size // 2 - ((size - 3) // 2 + 1)
        if missing:
            pads = net.constant([0, 0, 0, 0, 0, 0, missing, missing], np.int64)
            inner = net.node("Pad", inner, pads)
        before, after = channels
        if before != after:
            around = net.node("Pad", around, net.constant([0, 0, 0, 0, 0, after - before, 0, 0], np.int64))
        return net.relu(net.add(around, inner)), size // 2

    x = net.relu(layer(net.input, "conv32_down", strides=[2, 2]))
    x = net.node("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2])
    size = 35
    for stage, before, after, blocks in [("32", 32, 32, 3), ("64", 32, 64, 3), ("128", 64, 128, 2), ("256", 128, 256, 2)]:
        if before != after:
            x, size = half(x, f"conv{stage}_down", size, (before, after))
        for block in range(1, blocks + 1):
            x = same(x, f"conv{stage}_{block}")
    x, size = half(x, "conv256_down_out", size, (256, 256))
    x = net.node("ReduceMean", x, axes=[2, 3], keepdims=0)
    x = net.node("MatMul", x, net.expanded(net.weights["fc"]))
    net.save(x, path, [1, 3, 150, 150], [1, 128])


if __name__ == "__main__":
    source, target = (pathlib.Path(argument) for argument in sys.argv[1:3])
    target.mkdir(parents=True, exist_ok=True)
    detector(source, target / "detector.onnx")
    landmarks(source, target / "landmarks.onnx")
    embedding(source, target / "embedding.onnx")
