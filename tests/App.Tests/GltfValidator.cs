using System.Diagnostics;

namespace MeshFromFaces.App.Tests;

/// <summary>The Khronos validator, run by Node: an oracle that knows nothing of our writer.</summary>
internal static class GltfValidator
{
    public static async Task AssertCleanAsync(string glb)
    {
        string script = Path.Combine(Repository.Root, "tests", "gltf-validate", "validate.mjs");
        using var node = Process.Start(new ProcessStartInfo("node", [script, glb]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        string output = await node.StandardOutput.ReadToEndAsync() + await node.StandardError.ReadToEndAsync();
        await node.WaitForExitAsync();
        Assert.True(node.ExitCode == 0, output);
    }
}
