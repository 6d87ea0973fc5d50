namespace MeshFromFaces.Core;

/// <summary>The result of one capture: everything of design.md's section 6, as the bytes of its files.</summary>
/// <param name="Glb">The posed, textured mesh with a camera a view.</param>
/// <param name="Texture">Combined atlas, PNG, RGBA; alpha 255 where a view saw the texel.</param>
/// <param name="Views">One a photo that was used, in the order given.</param>
/// <param name="Skipped">Photos left out under <see cref="FaceOptions.SkipBadViews"/>.</param>
/// <param name="Timings">Stages in the order they ran.</param>
public sealed record Face(
    byte[] Glb,
    byte[] Texture,
    IReadOnlyList<FaceView> Views,
    IReadOnlyList<SkippedView> Skipped,
    IReadOnlyList<StageTime> Timings);

/// <param name="Landmarks">Landmarks, pose and camera of this view.</param>
/// <param name="Texture">This view's own atlas, PNG, RGBA; alpha 255 where it saw the texel.</param>
/// <param name="Overlay">JPEG of the photo with mesh and landmarks drawn on it.</param>
public sealed record FaceView(ViewLandmarks Landmarks, byte[] Texture, byte[] Overlay);

/// <summary>A photo that could not be used, and why, in words for the user.</summary>
public sealed record SkippedView(string Image, string Reason);
