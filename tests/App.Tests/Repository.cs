namespace MeshFromFaces.App.Tests;

/// <summary>Places in the repository that tests read from.</summary>
internal static class Repository
{
    public static string Root { get; } = FindRoot(AppContext.BaseDirectory);

    /// <summary>A public-domain portrait, one face, 512x512.</summary>
    public static string Portrait { get; } = Path.Combine(Root, "examples", "photos", "astronaut.png");

    private static string FindRoot(string? folder)
    {
        while (folder is not null && !File.Exists(Path.Combine(folder, "MeshFromFaces.sln")))
        {
            folder = Path.GetDirectoryName(folder);
        }
        return folder ?? throw new InvalidOperationException("The tests do not run inside the repository.");
    }
}
