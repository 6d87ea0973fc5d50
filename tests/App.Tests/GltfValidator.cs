using System.Diagnostics;

namespace MeshFromFaces.App.Tests;

/// <summary>The Khronos validator, run by Node: an oracle that knows nothing of our writer.</summary>
internal static class GltfValidator
{
    public static async Task AssertCleanAsync(string glb)
    {
        string folder = Path.Combine(Repository.Root, "tests", "gltf-validator");
        Assert.True(Directory.Exists(Path.Combine(folder, "node_modules")), $"The validator is not installed: run tests/run, or npm ci in {folder}.");
        using var node = Process.Start(new ProcessStartInfo("node", [Path.Combine(folder, "validate.mjs"), glb])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        string output = await node.StandardOutput.ReadToEndAsync() + await node.StandardError.ReadToEndAsync();
        await node.WaitForExitAsync();
        Assert.True(node.ExitCode == 0, output);
    }
}
