using MeshFromFaces.Core;
using MeshFromFaces.Server.Jobs;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Net.Http.Headers;

namespace MeshFromFaces.Server.Api;

/// <summary>
/// Reads the body of POST /v1/jobs, multipart/form-data: <c>images</c> (files) and <c>options</c> (JSON, at most one).
/// Photos go straight to the disk, so memory holds no more than a buffer of an upload.
/// </summary>
internal static class JobRequest
{
    private const string Images = "images";
    private const string Options = "options";

    private static readonly string Expected =
        $"Send multipart/form-data with the photos as files named '{Images}' and, if wanted, one '{Options}' field of JSON.";

    /// <exception cref="RequestException">400, 413 or 415, with a sentence that names the part at fault.</exception>
    public static async Task ReadAsync(HttpRequest request, Upload upload, FacePipeline pipeline, ServerLimits limits, CancellationToken cancellation)
    {
        var reader = new MultipartReader(Boundary(request), request.Body);
        bool hasOptions = false;
        while (await ReadAsync(() => reader.ReadNextSectionAsync(cancellation)) is { } section)
        {
            switch (ContentDispositionHeaderValue.TryParse(section.ContentDisposition, out var disposition) ? disposition.Name.Value?.Trim('"') : null)
            {
                case Images:
                    await ReadImageAsync(section.Body, disposition!, upload, limits, cancellation);
                    break;
                case Options when !hasOptions:
                    upload.Options = JobOptions.Parse(await ReadOptionsAsync(section.Body, limits, cancellation), pipeline);
                    hasOptions = true;
                    break;
                case Options:
                    throw Bad($"'{Options}' is there twice. Send it once.");
                default:
                    throw Bad($"A part is neither '{Images}' nor '{Options}'. {Expected}");
            }
        }
        if (upload.PhotoCount == 0)
        {
            throw Bad($"There is no photo in the request; 1 to {limits.Views} are needed. {Expected}");
        }
    }

    private static string Boundary(HttpRequest request)
    {
        if (!MediaTypeHeaderValue.TryParse(request.ContentType, out var type) || !type.MediaType.Equals("multipart/form-data", StringComparison.OrdinalIgnoreCase))
        {
            throw new RequestException(StatusCodes.Status415UnsupportedMediaType, Expected);
        }
        string? boundary = HeaderUtilities.RemoveQuotes(type.Boundary).Value;
        // 70 characters is RFC 2046's limit.
        return boundary is { Length: > 0 and <= 70 } ? boundary : throw Bad("The Content-Type has no usable boundary. Let the HTTP library set it.");
    }

    private static async Task ReadImageAsync(
        Stream body, ContentDispositionHeaderValue disposition, Upload upload, ServerLimits limits, CancellationToken cancellation)
    {
        if (upload.PhotoCount == limits.Views)
        {
            throw new RequestException(StatusCodes.Status413PayloadTooLarge, $"There are more than {limits.Views} photos; at most {limits.Views} make one capture. Send fewer.");
        }
        string name = FileName(disposition, upload.PhotoCount + 1);
        await using var file = upload.CreatePhoto(name);
        await CopyAsync(body, file, limits.FileBytes, $"'{name}'", read => Hold(upload, read, limits), cancellation);
        if (file.Length == 0)
        {
            throw Bad($"'{name}' is empty: 0 bytes. Send a JPEG, PNG, TIFF or WebP photo.");
        }
        file.Flush(flushToDisk: true);
    }

    private static void Hold(Upload upload, int bytes, ServerLimits limits)
    {
        if (!upload.TryHold(bytes))
        {
            throw new RequestException(StatusCodes.Status429TooManyRequests, $"The requests that are being received have more than {limits.UploadBytes:N0} bytes together, the most there may be. Try again later.")
            {
                RetryAfter = TimeSpan.FromSeconds(5),
            };
        }
    }

    private static async Task<byte[]> ReadOptionsAsync(Stream body, ServerLimits limits, CancellationToken cancellation)
    {
        using var json = new MemoryStream();
        await CopyAsync(body, json, limits.OptionsBytes, $"'{Options}'", _ => { }, cancellation);
        return json.ToArray();
    }

    private static async Task CopyAsync(Stream from, Stream to, long limit, string what, Action<int> counted, CancellationToken cancellation)
    {
        var buffer = new byte[1 << 16];
        long total = 0;
        for (int read; (read = await ReadAsync(() => from.ReadAsync(buffer, cancellation).AsTask())) > 0;)
        {
            total += read;
            if (total > limit)
            {
                throw new RequestException(StatusCodes.Status413PayloadTooLarge, $"{what} is larger than {limit:N0} bytes, the most it may have.");
            }
            counted(read);
            await to.WriteAsync(buffer.AsMemory(0, read), cancellation);
        }
    }

    // The client's name serves messages and camera names only: no path, no control characters, no end of length.
    private static string FileName(ContentDispositionHeaderValue disposition, int number)
    {
        string given = HeaderUtilities.RemoveQuotes(disposition.FileNameStar.HasValue ? disposition.FileNameStar : disposition.FileName).Value ?? "";
        string name = new([.. given[(given.LastIndexOfAny(['/', '\\']) + 1)..].Where(c => !char.IsControl(c)).Take(100)]);
        return string.IsNullOrWhiteSpace(name) ? $"image {number}" : name;
    }

    // What the multipart reader throws on a malformed or cut body is the request's fault; the server's own 413 passes.
    private static async Task<T> ReadAsync<T>(Func<Task<T>> read)
    {
        try
        {
            return await read();
        }
        catch (Exception e) when (e is IOException or InvalidDataException && e is not BadHttpRequestException)
        {
            throw Bad($"The multipart body is malformed or cut short. {Expected}");
        }
    }

    private static RequestException Bad(string message) => new(StatusCodes.Status400BadRequest, message);
}
