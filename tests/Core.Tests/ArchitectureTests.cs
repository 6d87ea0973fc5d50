using System.Text.RegularExpressions;
using MeshFromFaces.Core.Tests.Support;
using Xunit;

namespace MeshFromFaces.Core.Tests;

/// <summary>Who may know whom (design.md section 5), read off the sources.</summary>
public sealed partial class ArchitectureTests
{
    private static readonly Dictionary<string, string[]> Allowed = new()
    {
        ["Imaging"] = [],
        ["Geometry"] = [],
        ["Inference"] = ["Imaging", "Geometry"],
        ["Texturing"] = ["Imaging", "Geometry"],
        ["Export"] = ["Imaging", "Geometry"],
    };

    public static TheoryData<string> Parts => [.. Allowed.Keys];

    [Theory]
    [MemberData(nameof(Parts))]
    public void A_part_of_Core_knows_only_what_it_may(string part)
    {
        string[] files = Directory.GetFiles(Path.Combine(Repository.Root, "server", "Core", part), "*.cs");
        Assert.NotEmpty(files);
        foreach (string file in files)
        {
            string source = File.ReadAllText(file);
            Assert.Contains($"namespace MeshFromFaces.Core.{part};", source, StringComparison.Ordinal);
            var known = Named().Matches(source).Select(match => match.Groups[1].Value).Where(name => Allowed.ContainsKey(name) && name != part);
            Assert.Empty(known.Except(Allowed[part]).Select(name => $"{Path.GetFileName(file)} knows {name}"));
            Assert.DoesNotContain("FacePipeline", source, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Core_knows_no_web_and_no_server()
    {
        foreach (string file in Directory.GetFiles(Path.Combine(Repository.Root, "server", "Core"), "*.cs", SearchOption.AllDirectories))
        {
            string source = File.ReadAllText(file);
            Assert.DoesNotContain("AspNetCore", source, StringComparison.Ordinal);
            Assert.DoesNotContain("MeshFromFaces.Server", source, StringComparison.Ordinal);
        }
    }

    // A using line, or a name qualified from Core downwards.
    [GeneratedRegex(@"\b(?:Core\.)?(Imaging|Geometry|Inference|Texturing|Export)(?:;|\.[A-Z])")]
    private static partial Regex Named();
}
