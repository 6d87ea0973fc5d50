using System.Globalization;

namespace MeshFromFaces.Core.Inference;

/// <summary>What a user calls a style, as the weights of the query deformer's codes.</summary>
internal static class StyleWeights
{
    /// <summary>Points of the canonical face themselves, moved by no annotator's habit.</summary>
    public const string None = "none";

    // No code at all would still move queries, by the deformer's answer to zero. The labels of this style are the
    // canonical points exactly, so its code is the one that has learnt to leave queries where they are.
    private const string Exact = "render";

    /// <param name="style">One of the card's styles; a blend of them, <c>render:0.3,photo:0.7</c>, whose weights are parts of
    /// any whole; <see cref="None"/>; or null for the model's default.</param>
    /// <returns>[S], in the card's order, each at least 0, summing to 1.</returns>
    /// <exception cref="InputException">None of these.</exception>
    public static float[] Parse(string? style, ModelCard card)
    {
        string text = style ?? card.DefaultStyle;
        string[] names = [.. card.Styles];
        string[][] parts = names.Contains(text) ? [[text, "1"]] : text == None ? [[Exact, "1"]] : [.. text.Split(',').Select(part => part.Split(':'))];
        var weights = new double[names.Length];
        foreach (string[] part in parts)
        {
            int index = part is [var name, _] ? Array.IndexOf(names, name.Trim()) : -1;
            // A weight above 0 has its name already.
            if (index < 0 || weights[index] > 0 || !double.TryParse(part[1], NumberStyles.AllowDecimalPoint | NumberStyles.AllowLeadingWhite | NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture, out weights[index]))
            {
                throw Impossible(text, names);
            }
        }
        double whole = weights.Sum();
        return whole > 0 && double.IsFinite(whole) ? [.. weights.Select(weight => (float)(weight / whole))] : throw Impossible(text, names);
    }

    private static InputException Impossible(string text, string[] names) => new(
        $"The style '{text}' is not possible; use {string.Join(" or ", names)}, a blend such as {string.Join(",", names.Select(name => name + ":0.5"))} (weights of 0 or more), or {None}.");
}
