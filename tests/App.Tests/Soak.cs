namespace MeshFromFaces.App.Tests;

/// <summary>Tests of chance run for seconds, or, with MFF_SOAK=1 in the environment, as long as the project's bars ask for.</summary>
internal static class Soak
{
    public static bool IsFull { get; } = Environment.GetEnvironmentVariable("MFF_SOAK") == "1";
}
