using System.Text;

namespace MeshFromFaces.Core.Tests.Support;

/// <summary>Writes small ONNX graphs (opset 13): just enough protobuf for models whose answers a test knows beforehand.</summary>
internal sealed class Onnx
{
    private readonly MemoryStream _graph = new();

    public Onnx Input(string name, params object[] shape) => Add(11, ValueInfo(name, shape));

    public Onnx Output(string name, params object[] shape) => Add(12, ValueInfo(name, shape));

    public Onnx Constant(string name, float[] values, params long[] shape)
    {
        var tensor = new MemoryStream();
        foreach (long side in shape)
        {
            Number(tensor, 1, side);
        }
        Number(tensor, 2, 1); // FLOAT
        Bytes(tensor, 8, Encoding.UTF8.GetBytes(name));
        Bytes(tensor, 9, [.. values.SelectMany(BitConverter.GetBytes)]);
        return Add(5, tensor.ToArray());
    }

    public Onnx Shape(string name, params long[] values)
    {
        var tensor = new MemoryStream();
        Number(tensor, 1, values.Length);
        Number(tensor, 2, 7); // INT64
        Bytes(tensor, 8, Encoding.UTF8.GetBytes(name));
        Bytes(tensor, 9, [.. values.SelectMany(BitConverter.GetBytes)]);
        return Add(5, tensor.ToArray());
    }

    public Onnx Node(string type, string[] inputs, string output)
    {
        var node = NodeHead(type, inputs, output);
        return Add(1, node.ToArray());
    }

    /// <summary>Means of [V, 3, H, W] over H and W: [V, 3].</summary>
    public Onnx MeanColour(string input, string output)
    {
        var node = NodeHead("ReduceMean", [input], output);
        var axes = new MemoryStream();
        Bytes(axes, 1, "axes"u8.ToArray());
        Number(axes, 8, 2);
        Number(axes, 8, 3);
        Number(axes, 20, 7);
        Bytes(node, 5, axes.ToArray());
        var keep = new MemoryStream();
        Bytes(keep, 1, "keepdims"u8.ToArray());
        Number(keep, 3, 0);
        Number(keep, 20, 2);
        Bytes(node, 5, keep.ToArray());
        return Add(1, node.ToArray());
    }

    /// <summary>output = input * weights + bias, with weights [inputs, outputs].</summary>
    public Onnx Linear(string input, string output, int inputs, float[] weights, float[] bias) => this
        .Constant(output + "_w", weights, inputs, bias.Length)
        .Constant(output + "_b", bias, 1, bias.Length)
        .Node("MatMul", [input, output + "_w"], output + "_p")
        .Node("Add", [output + "_p", output + "_b"], output);

    public byte[] ToArray()
    {
        var model = new MemoryStream();
        Number(model, 1, 7);
        Bytes(_graph, 2, "test"u8.ToArray());
        Bytes(model, 7, _graph.ToArray());
        var opset = new MemoryStream();
        Bytes(opset, 1, []);
        Number(opset, 2, 13);
        Bytes(model, 8, opset.ToArray());
        return model.ToArray();
    }

    private Onnx Add(int field, byte[] message)
    {
        Bytes(_graph, field, message);
        return this;
    }

    private static MemoryStream NodeHead(string type, string[] inputs, string output)
    {
        var node = new MemoryStream();
        foreach (string input in inputs)
        {
            Bytes(node, 1, Encoding.UTF8.GetBytes(input));
        }
        Bytes(node, 2, Encoding.UTF8.GetBytes(output));
        Bytes(node, 4, Encoding.UTF8.GetBytes(type));
        return node;
    }

    private static byte[] ValueInfo(string name, object[] shape)
    {
        var dimensions = new MemoryStream();
        foreach (object side in shape)
        {
            var dimension = new MemoryStream();
            if (side is string free)
            {
                Bytes(dimension, 2, Encoding.UTF8.GetBytes(free));
            }
            else
            {
                Number(dimension, 1, (int)side);
            }
            Bytes(dimensions, 1, dimension.ToArray());
        }
        var (tensor, type, info) = (new MemoryStream(), new MemoryStream(), new MemoryStream());
        Number(tensor, 1, 1); // FLOAT
        Bytes(tensor, 2, dimensions.ToArray());
        Bytes(type, 1, tensor.ToArray());
        Bytes(info, 1, Encoding.UTF8.GetBytes(name));
        Bytes(info, 2, type.ToArray());
        return info.ToArray();
    }

    private static void Number(MemoryStream stream, int field, long value)
    {
        Varint(stream, (ulong)field << 3);
        Varint(stream, (ulong)value);
    }

    private static void Bytes(MemoryStream stream, int field, byte[] bytes)
    {
        Varint(stream, ((ulong)field << 3) | 2);
        Varint(stream, (ulong)bytes.Length);
        stream.Write(bytes);
    }

    private static void Varint(MemoryStream stream, ulong value)
    {
        for (; value >= 128; value >>= 7)
        {
            stream.WriteByte((byte)(value | 128));
        }
        stream.WriteByte((byte)value);
    }
}
