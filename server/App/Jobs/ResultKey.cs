using System.Security.Cryptography;
using System.Text.Json;
using MeshFromFaces.Core;

namespace MeshFromFaces.Server.Jobs;

/// <summary>Of all that decides a result's bytes: two jobs with the same key have the same outputs.</summary>
internal static class ResultKey
{
    // Not the version: between two releases the code changes without it.
    private static readonly Guid Code = typeof(FacePipeline).Module.ModuleVersionId;

    /// <returns>SHA-256 in hexadecimal.</returns>
    public static string Of(IReadOnlyList<PhotoFile> photos, FaceOptions options, FacePipeline pipeline) =>
        Convert.ToHexStringLower(SHA256.HashData(JsonSerializer.SerializeToUtf8Bytes(new
        {
            Code,
            pipeline.Hash,
            pipeline.Device, // Another processor rounds otherwise.
            Options = options with { Style = options.Style ?? pipeline.Model.DefaultStyle },
            // The names are in the outputs too.
            Photos = photos.Select(photo => new { photo.Name, Sha256 = SHA256.HashData(photo.Bytes) }),
        })));
}
