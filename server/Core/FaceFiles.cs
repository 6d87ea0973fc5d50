using System.Globalization;

namespace MeshFromFaces.Core;

/// <summary>The names of a capture's files, and the one place that writes them.</summary>
public static class FaceFiles
{
    public const string Glb = "face.glb";
    public const string Texture = "texture.png";
    public const string Landmarks = "landmarks.json";

    /// <summary>Of a video: one <see cref="FrameLandmarks"/> a line.</summary>
    public const string FrameLandmarks = "landmarks.jsonl";

    /// <summary>Of a video.</summary>
    public const string FocalPlot = "focal.svg";

    /// <param name="view">Counted from 1.</param>
    public static string ViewTexture(int view) => string.Create(CultureInfo.InvariantCulture, $"textures/view-{view}.png");

    /// <param name="view">Counted from 1.</param>
    public static string Overlay(int view) => string.Create(CultureInfo.InvariantCulture, $"overlay-{view}.jpg");

    /// <summary>
    /// Writes a capture into a folder (made if it is missing), each file whole (<see cref="WholeFile"/>) and the GLB last:
    /// whoever sees the GLB sees all, and a failure leaves an older file as it was.
    /// </summary>
    /// <returns>The files' names relative to <paramref name="folder"/>, with forward slashes, the GLB first.</returns>
    public static IReadOnlyList<string> Write(Face face, string folder, string glbName = Glb, CancellationToken cancellation = default)
    {
        var files = new List<(string Name, byte[] Bytes)> { (glbName, face.Glb), (Texture, face.Texture) };
        for (int i = 0; i < face.Views.Count; i++)
        {
            files.Add((ViewTexture(i + 1), face.Views[i].Texture));
            files.Add((Overlay(i + 1), face.Views[i].Overlay));
        }
        files.Add((Landmarks, ViewLandmarks.ToJson([.. face.Views.Select(view => view.Landmarks)])));
        foreach (var (name, bytes) in Enumerable.Reverse(files))
        {
            cancellation.ThrowIfCancellationRequested();
            WholeFile.Write(Path.Combine(folder, name), bytes);
        }
        return [.. files.Select(file => file.Name)];
    }
}
