namespace MeshFromFaces.Core.Tests.Support;

/// <summary>Where things are, seen from the tests' output folder.</summary>
internal static class Repository
{
    public static string Root { get; } = Find();

    public static string Canonical => FacePipeline.DefaultCanonicalFolder;

    private static string Find()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "MeshFromFaces.sln")))
            {
                return folder.FullName;
            }
        }
        throw new InvalidOperationException("The tests run from inside the repository.");
    }
}
