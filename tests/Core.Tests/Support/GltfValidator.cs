using System.Diagnostics;
using Xunit;

namespace MeshFromFaces.Core.Tests.Support;

/// <summary>
/// A test that needs node and, once, <c>npm install</c> in tests/gltf-validator. Without them it is shown as skipped on a
/// developer's machine; with CI=true it runs, and fails if they are missing.
/// </summary>
internal sealed class GltfValidatorFactAttribute : FactAttribute
{
    public GltfValidatorFactAttribute()
    {
        if (!GltfValidator.IsInstalled && Environment.GetEnvironmentVariable("CI") != "true")
        {
            Skip = "Needs node and 'npm install' in tests/gltf-validator.";
        }
    }
}

/// <summary>The Khronos validator, an oracle that shares no code with us.</summary>
internal static class GltfValidator
{
    private static readonly string Folder = Path.Combine(Repository.Root, "tests", "gltf-validator");

    public static bool IsInstalled => Directory.Exists(Path.Combine(Folder, "node_modules", "gltf-validator"));

    /// <summary>Asserts 0 errors and 0 warnings.</summary>
    public static void AssertClean(byte[] glb)
    {
        string file = Path.Combine(Path.GetTempPath(), $"mff-{Guid.NewGuid():N}.glb");
        File.WriteAllBytes(file, glb);
        try
        {
            var start = new ProcessStartInfo("node", ["validate.mjs", file]) { WorkingDirectory = Folder, RedirectStandardOutput = true, RedirectStandardError = true };
            using var node = Process.Start(start)!;
            var error = node.StandardError.ReadToEndAsync();
            string report = node.StandardOutput.ReadToEnd();
            node.WaitForExit();
            Assert.True(node.ExitCode == 0 && report.Contains("\"numErrors\":0,\"numWarnings\":0", StringComparison.Ordinal), report + error.Result);
        }
        finally
        {
            File.Delete(file);
        }
    }
}
