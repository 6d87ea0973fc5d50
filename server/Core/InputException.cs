namespace MeshFromFaces.Core;

/// <summary>
/// The input is at fault, not the program. The message is one clear sentence or two for the user: it names
/// the file, what was found, what is needed and what to do, and is shown as it is.
/// </summary>
public sealed class InputException : Exception
{
    public InputException(string message) : base(message) { }

    public InputException(string message, Exception inner) : base(message, inner) { }
}
