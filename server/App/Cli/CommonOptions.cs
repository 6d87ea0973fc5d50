using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using MeshFromFaces.Core;

namespace MeshFromFaces.Server.Cli;

/// <summary>Arguments and options that several commands share.</summary>
internal static class CommonOptions
{
    private const string Largest = "largest";

    private static readonly FaceOptions Defaults = new();

    public static readonly Option<bool> Quiet = new("--quiet", "-q")
    {
        Description = "Say nothing but errors and warnings.",
        Recursive = true,
    };

    public static readonly Option<bool> Verbose = new("--verbose")
    {
        Description = "Say more: time per stage, and where an error came from.",
        Recursive = true,
    };

    public static readonly Argument<string[]> Photos = new("PHOTO")
    {
        Description = $"JPEG, PNG, TIFF or WebP files of one face, 1 to {FacePipeline.MaxViews}.",
        Arity = ArgumentArity.OneOrMore,
    };

    public static readonly Option<string> Topology = new("--topology")
    {
        Description = "Mesh to make: a name, or a .obj file of your own with canonical UVs.",
        HelpName = "NAME",
        DefaultValueFactory = _ => Defaults.Topology,
    };

    public static readonly Option<string> Layout = new("--layout")
    {
        Description = "Landmarks to give: a named list of points, or 'dense' for every vertex of the topology.",
        HelpName = "NAME",
        DefaultValueFactory = _ => Defaults.Layout,
    };

    public static readonly Option<string?> Style = new("--style")
    {
        Description = "Whose way of placing points to follow: a data set's name, a blend (render:0.3,photo:0.7), or 'none' for the canonical points themselves. [default: the model's own]",
        HelpName = "NAME",
    };

    public static readonly Option<string?> Model = new("--model")
    {
        Description = "Folder of another trained model. [default: the one that comes along]",
        HelpName = "FOLDER",
    };

    public static readonly Option<int?> Face = new("--face")
    {
        Description = $"Which face, when a photo shows several: '{Largest}', or its number, 1 being the largest. [default: the one that a single look finds, the fastest]",
        HelpName = "N",
        CustomParser = ParseFace,
    };

    public static readonly Option<bool> SkipBadViews = new("--skip-bad-views")
    {
        Description = "Leave out photos that cannot be used instead of failing.",
    };

    /// <summary>The options that both commands over photos take.</summary>
    public static FaceOptions Read(ParseResult parsed)
    {
        string topology = parsed.GetRequiredValue(Topology);
        bool isFile = topology.EndsWith(".obj", StringComparison.OrdinalIgnoreCase);
        return new FaceOptions
        {
            Topology = isFile ? Defaults.Topology : topology,
            TopologyFile = isFile ? topology : null,
            Layout = parsed.GetRequiredValue(Layout),
            Style = parsed.GetValue(Style),
            Face = parsed.GetValue(Face),
            SkipBadViews = parsed.GetValue(SkipBadViews),
        };
    }

    /// <summary>Loads the model that <see cref="Model"/> names and checks the options against what it offers.</summary>
    /// <exception cref="CommandException">An option is out of range or unknown.</exception>
    /// <exception cref="InputException">The model or the canonical face is missing or broken.</exception>
    public static FacePipeline LoadPipeline(ParseResult parsed, FaceOptions options)
    {
        var pipeline = FacePipeline.Load(parsed.GetValue(Model));
        try
        {
            pipeline.Validate(options);
            return pipeline;
        }
        catch (InputException e)
        {
            pipeline.Dispose();
            throw new CommandException(ExitCode.Usage, e.Message);
        }
    }

    /// <summary>A whole number in a range, with an error that says the range.</summary>
    public static Option<int> WholeNumber(string name, int minimum, int maximum, int standard, string description) => new(name)
    {
        Description = description,
        HelpName = "N",
        DefaultValueFactory = _ => standard,
        CustomParser = result => Parse(result, name, minimum, maximum),
    };

    private static int? ParseFace(ArgumentResult result)
    {
        string text = result.Tokens[0].Value;
        if (text == Largest)
        {
            return 1;
        }
        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number > 0)
        {
            return number;
        }
        result.AddError($"--face takes '{Largest}' or a whole number from 1, not '{text}'.");
        return null;
    }

    private static int Parse(ArgumentResult result, string name, int minimum, int maximum)
    {
        string text = result.Tokens[0].Value;
        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int value) && value >= minimum && value <= maximum)
        {
            return value;
        }
        result.AddError($"{name} takes a whole number from {minimum} to {maximum}, not '{text}'.");
        return default;
    }
}
