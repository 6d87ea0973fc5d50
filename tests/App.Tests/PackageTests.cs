using System.Diagnostics;
using System.IO.Compression;
using System.Net;

namespace MeshFromFaces.App.Tests;

/// <summary>The package as a user gets it: made by the script, unpacked somewhere, started where nothing else is.</summary>
public sealed class PackageTests : IDisposable
{
    // It compiles everything anew.
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(20);

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task The_package_for_Linux_needs_nothing_but_itself()
    {
        if (!OperatingSystem.IsLinux() || System.Runtime.InteropServices.RuntimeInformation.OSArchitecture != System.Runtime.InteropServices.Architecture.X64)
        {
            return; // It runs there alone.
        }
        await PackAsync("linux-x64");
        string[] packages = [.. _folder.Files];
        Assert.Equal(2, packages.Length);
        ZipFile.ExtractToDirectory(_folder[packages.Single(name => !name.Contains("blender", StringComparison.Ordinal))], _folder["unpacked"]);
        string server = _folder["unpacked/mesh-from-faces/mesh-from-faces"];
        Assert.Single(Directory.GetFiles(_folder["unpacked"], "mesh_from_faces-*.zip"));
        Assert.True(File.Exists(_folder["unpacked/mesh-from-faces/NOTICE"]));
        using (var addon = ZipFile.OpenRead(_folder[packages.Single(name => name.Contains("blender", StringComparison.Ordinal))]))
        {
            Assert.Contains(addon.Entries, entry => entry.FullName == "mesh_from_faces/__init__.py");
            Assert.Contains(addon.Entries, entry => entry.FullName == "mesh_from_faces/server/mesh-from-faces");
        }

        // An empty environment but for the home folder: no DOTNET_ROOT, no PATH, no repository in sight.
        string home = Directory.CreateDirectory(_folder["home"]).FullName;
        var run = await Executable.FinishAsync(Start(server, home, "mesh", Repository.Portrait, "--output", Path.Combine(home, "face.glb"), "--texture-size", "512", "--quiet"));
        Assert.True(run.ExitCode == 0, run.Error);
        await GltfValidator.AssertCleanAsync(Path.Combine(home, "face.glb"));

        using var process = Start(server, home, "serve");
        string data = Path.Combine(home, ".local", "share", "MeshFromFaces");
        using var serving = await ServerProcess.FollowAsync(process, data);
        using var accepted = await TestServer.PostAsync(serving.Client, [("astronaut.png", await File.ReadAllBytesAsync(Repository.Portrait))], """{"textureSize": 512}""");
        Assert.Equal("succeeded", (await TestServer.EndOfAsync(serving.Client, accepted)).GetProperty("state").GetString());
        Assert.Equal(HttpStatusCode.OK, (await serving.Client.GetAsync($"{accepted.Headers.Location}/files/face.glb")).StatusCode);
        Assert.Equal(0, await serving.StopAsync());
    }

    [Fact]
    public async Task A_system_that_is_not_packaged_is_named()
    {
        if (OperatingSystem.IsWindows())
        {
            return; // The script is for a Unix shell.
        }
        using var script = Script("amiga-68k");
        var run = await Executable.FinishAsync(script);
        Assert.Equal(2, run.ExitCode);
        Assert.Contains("'amiga-68k' is no system that is packaged: linux-x64 win-x64 osx-arm64", run.Error, StringComparison.Ordinal);
    }

    private async Task PackAsync(string system)
    {
        using var script = Script("--output", _folder.Path, system);
        var output = script.StandardOutput.ReadToEndAsync();
        var error = script.StandardError.ReadToEndAsync();
        using var patience = new CancellationTokenSource(Patience);
        try
        {
            await script.WaitForExitAsync(patience.Token);
            Assert.True(script.ExitCode == 0, await output + await error);
        }
        finally
        {
            Executable.Kill(script);
        }
    }

    private static Process Script(params string[] arguments) => Start(new ProcessStartInfo(Path.Combine(Repository.Root, "tools", "package"), arguments));

    private static Process Start(string server, string home, params string[] arguments)
    {
        var start = new ProcessStartInfo(server, arguments) { WorkingDirectory = home };
        start.Environment.Clear();
        start.Environment["HOME"] = home;
        return Start(start);
    }

    private static Process Start(ProcessStartInfo start)
    {
        (start.RedirectStandardInput, start.RedirectStandardOutput, start.RedirectStandardError) = (true, true, true);
        return Process.Start(start)!;
    }
}
