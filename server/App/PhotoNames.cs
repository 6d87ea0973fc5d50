namespace MeshFromFaces.Server;

/// <summary>The names photos go by in messages, cameras and landmarks.</summary>
internal static class PhotoNames
{
    /// <summary>Appends (2), (3), ... to a name that was there before, so that a message names one photo only.</summary>
    public static IReadOnlyList<string> Distinct(IEnumerable<string> names)
    {
        var taken = new HashSet<string>();
        var distinct = new List<string>();
        foreach (string name in names)
        {
            string candidate = name;
            for (int n = 2; !taken.Add(candidate); n++)
            {
                candidate = $"{name} ({n})";
            }
            distinct.Add(candidate);
        }
        return distinct;
    }
}
