namespace MeshFromFaces.Core;

/// <summary>A photo as the user gave it: the file's name (for messages and the names of cameras) and its encoded bytes.</summary>
public sealed record PhotoFile(string Name, byte[] Bytes);
